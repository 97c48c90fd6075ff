#!/usr/bin/env python3
"""Saves, checks and restores a ValutAI system: Postgres, streams, blobs. Never the key itself.

The order is what makes a backup whole, see deploy/README.md. Needs Python 3.9, and pg_dump, pg_restore
and psql of the server's version or later. POSTGRES_URL names the database as a superuser (row level
security hides the rows from everybody else), NATS_URL the user `operator` of nats/users.conf.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import streams  # noqa: E402
from streams import Problem  # noqa: E402

SCHEMAS = streams.DOMAINS
# A blob's file while it is being written.
UNFINISHED = re.compile(r"#\d+$")


def postgres_url():
    url = os.environ.get("POSTGRES_URL")
    if not url:
        raise Problem("POSTGRES_URL is not set: postgres://superuser:password@host:5432/valutai")
    return url


def run(*command, **options):
    try:
        return subprocess.run(command, check=True, text=True, capture_output=True, **options).stdout
    except FileNotFoundError:
        raise Problem(f"{command[0]} is not installed") from None
    except subprocess.CalledProcessError as error:
        raise Problem(f"{command[0]} failed: {error.stderr.strip()}") from None


def query(sql):
    return run("psql", postgres_url(), "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql).strip()


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def fingerprint(kek):
    """Tells keys apart and nothing about them: 256 random bits cannot be found by their hash."""
    return fingerprints(kek)[0]


def fingerprints(kek):
    """Of every key in the file, the one that seals first."""
    lines = [line.strip() for line in Path(kek).read_text().splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    return [hashlib.sha256(b"valutai kek fingerprint" + key.encode()).hexdigest()[:16] for key in keys]


def counts():
    """Rows of every table, for the comparison after a restore."""
    tables = query("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN "
                   f"({', '.join(repr(schema) for schema in SCHEMAS)}) ORDER BY 1").split()
    if not tables:
        raise Problem("there are no tables: is POSTGRES_URL the right database?")
    one = " UNION ALL ".join(f"SELECT '{table}' || ' ' || count(*) FROM {table}" for table in tables)
    return {line.split()[0]: int(line.split()[1]) for line in query(one).splitlines()}


def save(args):
    """Saves a running or stopped system into a new folder."""
    if query("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user") != "t":
        raise Problem("the user of POSTGRES_URL is bound by row level security and would save nothing: take a superuser")
    folder, blobs_there, started = Path(args.folder), Path(args.blobs), time.time()
    if not blobs_there.is_dir():
        raise Problem(f"there is no folder {blobs_there}: name the services' VALUTAI_BLOB_DIR")
    key = fingerprint(args.kek)
    nats = streams.connect()
    streams.positions(nats, args.prefix)
    folder.mkdir(parents=True)
    # First Postgres, at one instant that all that follows can be measured against.
    session = subprocess.Popen(["psql", postgres_url(), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    session.stdin.write("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\nSELECT pg_export_snapshot();\n")
    session.stdin.flush()
    snapshot = session.stdout.readline().strip()
    if not snapshot:
        raise Problem("Postgres gives no snapshot, see above")
    # Then how far the streams are: what comes later, the database does not know or holds in its outbox.
    cut = streams.positions(nats, args.prefix)
    roles = run("pg_dumpall", "--dbname", postgres_url(), "--roles-only", "--no-role-passwords")
    (folder / "roles.sql").write_text(ours(roles))
    run("pg_dump", postgres_url(), "--format=custom", f"--snapshot={snapshot}", "--file", str(folder / "postgres.dump"),
        *(f"--schema={schema}" for schema in SCHEMAS))
    session.stdin.close()
    session.wait()
    # Then the streams: they hold every event that had left the outbox by then. The first connection has
    # answered no ping for as long as the dump took.
    nats = streams.connect()
    messages = {name: streams.save(nats, name, folder / "streams" / name) for name in cut}
    # Last the blobs: whatever a saved row refers to was written before the row.
    blobs = copy_blobs(blobs_there, folder / "blobs")
    files = {str(path.relative_to(folder)): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    manifest = {"version": 1, "prefix": args.prefix, "saved_at": int(started), "kek": key,
                "cut": cut, "messages": messages, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))
    print(f"saved in {time.time() - started:.0f} s: {len(messages)} streams with {sum(messages.values())} messages, "
          f"{blobs} blobs, {sum(path.stat().st_size for path in folder.rglob('*') if path.is_file()):,} bytes")


def ours(roles):
    """The services' roles of a dump of all, to be run where some of them are there already."""
    name = rf"valutai_(?:{'|'.join(SCHEMAS)})_(?:owner|app)"
    kept = []
    for line in roles.splitlines():
        if re.match(rf"CREATE ROLE {name};", line):
            kept.append(f"DO $$BEGIN {line} EXCEPTION WHEN duplicate_object THEN NULL; END$$;")
        elif re.match(rf"ALTER ROLE {name} ", line):
            kept.append(line)
        elif re.match(rf"GRANT {name} TO ", line):
            # Whoever migrates acts as the owners; another system may have another administrator.
            line = re.sub(r" GRANTED BY \S+;$", ";", line)
            kept.append(f"DO $$BEGIN {line} EXCEPTION WHEN undefined_object THEN NULL; END$$;")
    return "\n".join(kept) + "\n"


def copy_blobs(source, target):
    count = 0
    for path in source.rglob("*"):
        if not path.is_file() or UNFINISHED.search(path.name):
            continue
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copy2(path, copy)
            count += 1
        except FileNotFoundError:
            # Deleted in the meantime, and so is the row that referred to it.
            continue
    target.mkdir(exist_ok=True)
    return count


def load_manifest(folder):
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
    except FileNotFoundError:
        raise Problem(f"{folder} has no manifest.json: it is no backup, or one that was broken off") from None
    if manifest["version"] != 1:
        raise Problem(f"{folder} was saved by another version of this script")
    return manifest


def check(args):
    """Checks that a backup is whole and unchanged, and that a key is the one it was saved with."""
    folder = Path(args.folder)
    manifest = load_manifest(folder)
    for name, expected in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            raise Problem(f"{name} is missing")
        if sha256(path) != expected:
            raise Problem(f"{name} was changed")
    run("pg_restore", "--list", str(folder / "postgres.dump"))
    if manifest["kek"] not in fingerprints(args.kek):
        raise Problem("the key is another one than at saving: nothing encrypted could be read")
    at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(manifest["saved_at"]))
    print(f"whole: {len(manifest['files'])} files, saved {at}, and the key is the right one")
    return manifest


def restore(args):
    """Restores into an empty database, an empty blob folder, and streams without their consumers.

    Looks at everything first. Where it breaks off later, empty the database and the blob folder, and run it again.
    """
    folder, blobs = Path(args.folder), Path(args.blobs)
    manifest = check(args)
    if query("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'valutai-%'") != "0":
        raise Problem("services are connected to Postgres: stop them first")
    if query("SELECT count(*) FROM pg_namespace WHERE nspname IN "
             f"({', '.join(repr(schema) for schema in SCHEMAS)})") != "0":
        raise Problem("the database is not empty: make a new one (CREATE DATABASE) and name that")
    if blobs.exists() and any(blobs.iterdir()):
        raise Problem(f"{blobs} is not empty: move it away first")
    there = streams.existing(streams.connect(), manifest["cut"])
    if there and not args.replace_streams:
        raise Problem(f"{', '.join(sorted(there))} exist: say --replace-streams to delete them")
    run("psql", postgres_url(), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(folder / "roles.sql"))
    run("pg_restore", "--dbname", postgres_url(), "--exit-on-error", "--single-transaction", str(folder / "postgres.dump"))
    shutil.copytree(folder / "blobs", blobs, dirs_exist_ok=True)
    nats = streams.connect()
    for name, cut in manifest["cut"].items():
        kept, removed = streams.load(nats, name, folder / "streams" / name, cut, args.replicas)
        print(f"{name}: {kept} messages" + (f", {removed} removed that came after the database" if removed else ""))
    rows = counts()
    print(f"restored: {sum(rows.values())} rows in {len(rows)} tables, {sum(1 for p in blobs.rglob('*') if p.is_file())} blobs. "
          "Now: valutai migrate with --app-password, own the blobs to the services' user, start the services.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for command, what in (("save", save), ("check", check), ("restore", restore)):
        sub = commands.add_parser(command, help=what.__doc__.splitlines()[0])
        sub.add_argument("folder", help="the backup")
        sub.add_argument("--kek", required=True, help="VALUTAI_KEK_FILE of the services")
        if command != "check":
            sub.add_argument("--blobs", required=True, help="VALUTAI_BLOB_DIR of the services")
        if command == "save":
            sub.add_argument("--prefix", default="valutai", help="VALUTAI_SUBJECT_PREFIX of the services")
        if command == "restore":
            sub.add_argument("--replicas", type=int, help="copies of each stream, where it differs from the saved")
            sub.add_argument("--replace-streams", action="store_true", help="delete the streams that are there")
        sub.set_defaults(run=what)
    args = parser.parse_args()
    try:
        args.run(args)
    except (Problem, OSError) as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
