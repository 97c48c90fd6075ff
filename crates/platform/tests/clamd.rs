//! What the scanner hook promises, against a fake that speaks clamd's INSTREAM protocol.

mod keys;

use platform::{
    Code, Coded as _, Error,
    clamd::{Scanner, Verdict},
    config::ClamdAddress,
};
use testkit::TestResult;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, UnixListener},
};
use uuid::Uuid;

/// The text that every scanner finds, by agreement; put together so that this file is none.
fn eicar() -> Vec<u8> {
    [
        r"X5O!P%@AP[4\PZX54(P^)7CC)7}$",
        "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*",
    ]
    .concat()
    .into_bytes()
}

/// One session as clamd holds it: finds the agreed text, takes at most `limit` bytes.
async fn session(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    limit: usize,
) -> std::io::Result<Vec<u8>> {
    let mut command = [0; 10];
    stream.read_exact(&mut command).await?;
    assert_eq!(&command, b"zINSTREAM\0");
    let mut heard = Vec::new();
    loop {
        let length = stream.read_u32().await? as usize;
        if length == 0 {
            break;
        }
        if heard.len() + length > limit {
            stream
                .write_all(b"INSTREAM size limit exceeded. ERROR\0")
                .await?;
            // Until the other side has read that.
            tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
            return Ok(heard);
        }
        let start = heard.len();
        heard.resize(start + length, 0);
        stream.read_exact(&mut heard[start..]).await?;
    }
    let eicar = eicar();
    let found = heard.windows(eicar.len()).any(|window| window == eicar);
    let verdict: &[u8] = if found {
        b"stream: Eicar-Test-Signature FOUND\0"
    } else {
        b"stream: OK\0"
    };
    stream.write_all(verdict).await?;
    Ok(heard)
}

async fn scan_by_tcp(
    content: &[u8],
    limit: usize,
) -> TestResult<(platform::Result<Verdict>, Vec<u8>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let scanner = Scanner::new(ClamdAddress::Tcp(listener.local_addr()?.to_string()));
    let fake = tokio::spawn(async move { session(listener.accept().await?.0, limit).await });
    let (dir, blobs) = keys::scratch_store()?;
    let tenant = Uuid::now_v7();
    let blob = blobs.put(tenant, "upload", content).await?;
    let verdict = scanner.scan(&mut blobs.reader(tenant, &blob).await?).await;
    std::fs::remove_dir_all(dir)?;
    Ok((verdict, fake.await??))
}

#[tokio::test]
async fn clean_content_passes_and_every_byte_of_it_was_seen() -> TestResult {
    let content: Vec<u8> = (0..300_000_u32).map(|n| (n % 253) as u8).collect();
    let (verdict, heard) = scan_by_tcp(&content, usize::MAX).await?;
    assert_eq!(verdict?, Verdict::Clean);
    assert_eq!(heard, content);
    Ok(())
}

#[tokio::test]
async fn an_infected_file_is_named_even_across_pieces() -> TestResult {
    let found = Verdict::Infected {
        signature: "Eicar-Test-Signature".to_owned(),
    };
    assert_eq!(scan_by_tcp(&eicar(), usize::MAX).await?.0?, found);
    // The agreed text lies across the border of two pieces.
    let mut content = vec![b'x'; 65_536 - 20];
    content.extend(eicar());
    content.extend(vec![b'y'; 100_000]);
    assert_eq!(scan_by_tcp(&content, usize::MAX).await?.0?, found);
    Ok(())
}

#[tokio::test]
async fn a_file_beyond_the_scanners_limit_is_an_error_of_its_own() -> TestResult {
    let (verdict, _) = scan_by_tcp(&vec![1; 400_000], 200_000).await?;
    let error = verdict.expect_err("half a file was called clean");
    assert_eq!(error.code(), Code::Exhausted, "{error}");
    assert!(error.to_string().contains("StreamMaxLength"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_socket_in_the_file_system_serves_as_well() -> TestResult {
    let (dir, blobs) = keys::scratch_store()?;
    let path = dir.join("clamd.sock");
    let listener = UnixListener::bind(&path)?;
    let fake = tokio::spawn(async move { session(listener.accept().await?.0, usize::MAX).await });
    let tenant = Uuid::now_v7();
    let blob = blobs.put(tenant, "upload", b"harmless").await?;
    let scanner = Scanner::new(ClamdAddress::Unix(path));
    let verdict = scanner
        .scan(&mut blobs.reader(tenant, &blob).await?)
        .await?;
    assert_eq!(verdict, Verdict::Clean);
    assert_eq!(fake.await??, b"harmless");
    std::fs::remove_dir_all(dir)?;
    Ok(())
}

#[tokio::test]
async fn a_scanner_that_is_away_or_talks_nonsense_never_means_clean() -> TestResult {
    let (dir, blobs) = keys::scratch_store()?;
    let tenant = Uuid::now_v7();
    let blob = blobs.put(tenant, "upload", b"harmless").await?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let scanner = Scanner::new(ClamdAddress::Tcp(address.clone()));
    for answer in ["", "stream: OKAY\0", "HTTP/1.1 400 Bad Request\r\n"] {
        let scan = async { scanner.scan(&mut blobs.reader(tenant, &blob).await?).await };
        let fake = async {
            let mut stream = listener.accept().await?.0;
            let mut heard = vec![0; b"zINSTREAM\0".len() + 4 + b"harmless".len() + 4];
            stream.read_exact(&mut heard).await?;
            stream.write_all(answer.as_bytes()).await
        };
        let (verdict, faked) = tokio::join!(scan, fake);
        faked?;
        let error = verdict.expect_err(answer);
        assert!(error.to_string().contains(&address), "{error}");
        assert_eq!(error.code(), Code::Unavailable);
    }
    drop(listener);
    let refused = scanner.scan(&mut blobs.reader(tenant, &blob).await?).await;
    assert!(matches!(refused, Err(Error::Scanner { .. })), "{refused:?}");
    std::fs::remove_dir_all(dir)?;
    Ok(())
}
