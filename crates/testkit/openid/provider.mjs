// A certified OpenID provider (oidc-provider) for tests, whose people agree to everything at once. Who comes is
// named by `login_hint`. Prints its issuer, and then every answer of its token endpoint, as lines of JSON;
// ends with its standard input. Deliberately no behaviour of its own but what tests ask for by a name:
//   unverified-...   has an address that is not confirmed
//   denied           does not agree
//   forged-...       gets an id token that was tampered with, as `FORGED` below says
import { createServer } from 'node:http';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { SignJWT, UnsecuredJWT, decodeJwt, importJWK } from 'jose';
import Provider from 'oidc-provider';

const [clientId, clientSecret] = process.argv.slice(2);
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const newKey = (kid) => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' };
};
const key = newKey('published');
const stranger = newKey('published');

const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
const grants = new Map();

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: clientId,
      client_secret: clientSecret,
      // A program that listens on any port of its machine (RFC 8252).
      application_type: 'native',
      redirect_uris: ['http://127.0.0.1/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
    },
  ],
  jwks: { keys: [key] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  issueRefreshToken: async () => true,
  rotateRefreshToken: true,
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      email: `${id.replace('unverified-', '')}@example.com`,
      email_verified: !id.startsWith('unverified-'),
    }),
  }),
});

const hour = 3600;
const signed = async (claims, by) =>
  new SignJWT(claims)
    .setProtectedHeader({ alg: 'RS256', kid: by.kid })
    .sign(await importJWK(by, 'RS256'));
const FORGED = {
  'forged-audience': (claims) => signed({ ...claims, aud: 'somebody-else' }, key),
  'forged-audiences': (claims) => signed({ ...claims, aud: [claims.aud, 'somebody-else'] }, key),
  'forged-issuer': (claims) => signed({ ...claims, iss: 'https://id.example.com' }, key),
  'forged-expiry': (claims) => signed({ ...claims, exp: claims.iat - hour }, key),
  'forged-nonce': (claims) => signed({ ...claims, nonce: 'another' }, key),
  'forged-key': (claims) => signed(claims, stranger),
  'forged-unsigned': async (claims) => new UnsecuredJWT(claims).encode(),
  'forged-secret': (claims) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode(clientSecret)),
  'forged-token': async (claims) => signed({ ...claims, at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }, key),
  // Signed anew and nothing else: shows that it is not the signing anew that is refused.
  'forged-nothing': (claims) => signed(claims, key),
};

provider.use(async (ctx, next) => {
  await next();
  if (ctx.oidc?.route !== 'token' || !ctx.body?.access_token) return;
  const claims = ctx.body.id_token && decodeJwt(ctx.body.id_token);
  const forge = claims && FORGED[claims.sub];
  if (forge) ctx.body.id_token = await forge(claims);
  say({ grant_type: ctx.oidc.params.grant_type, ...ctx.body });
});

async function agree(req, res) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(req, res);
  let result;
  if (params.login_hint === 'denied') {
    result = { error: 'access_denied', error_description: 'not today' };
  } else if (prompt.name === 'login') {
    result = { login: { accountId: params.login_hint } };
  } else {
    const accountId = session.accountId;
    const grant = grantId
      ? await provider.Grant.find(grantId)
      : new provider.Grant({ accountId, clientId: params.client_id });
    grant.addOIDCScope('openid email offline_access');
    grant.addOIDCClaims(['email', 'email_verified']);
    const id = await grant.save();
    grants.set(accountId, [...(grants.get(accountId) ?? []), id]);
    result = { consent: { grantId: id } };
  }
  await provider.interactionFinished(req, res, result, { mergeWithLastSubmission: true });
}

// Ends all grants of somebody, as the settings of their account there would.
async function withdraw(accountId, res) {
  for (const id of grants.get(accountId) ?? []) {
    const grant = await provider.Grant.find(id);
    await grant?.destroy();
  }
  res.end('withdrawn');
}

const serve = provider.callback();
server.on('request', (req, res) => {
  const url = new URL(req.url, issuer);
  const failed = (error) => {
    console.error(error);
    res.statusCode = 500;
    res.end(String(error));
  };
  if (url.pathname.startsWith('/interaction/')) agree(req, res).catch(failed);
  else if (url.pathname === '/withdraw') withdraw(url.searchParams.get('account'), res).catch(failed);
  else serve(req, res);
});

process.stdin.on('end', () => process.exit(0)).resume();
say({ issuer });
