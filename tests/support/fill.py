"""
Rows by the hundred thousand, written with SQL into the database of a cove that is not running: as pushes they would take
minutes of syncing the disk, and what is measured is reading them. Rows are what the store writes, and the triggers run; a
schema that has changed makes the INSERT fail.
"""
import hashlib, json, os, sqlite3
from cove import OCI_INDEX


def _open(data):
    db = sqlite3.connect(os.path.join(data, "cove.db"))
    db.execute("PRAGMA synchronous = OFF")
    return db


def _repository(db, name):
    db.execute("INSERT INTO repositories (name, created_at) VALUES (?, unixepoch()) ON CONFLICT DO NOTHING", (name,))
    return db.execute("SELECT id FROM repositories WHERE name = ?", (name,)).fetchone()[0]


def _manifests(db, repository, numbers, **more):
    """An empty index for each number, each with a digest of its own; yields (number, id)."""
    subject = more.pop("subject", None)
    for i in numbers:
        data = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], "annotations": {"number": str(i)}, **more}).encode()
        cursor = db.execute(
            "INSERT INTO manifests (repository, digest, media_type, size, pushed_at, subject, artifact_type, annotations, bytes)"
            " VALUES (?, ?, ?, ?, unixepoch(), ?, ?, ?, ?)",
            (repository, hashlib.sha256(data).digest(), OCI_INDEX, len(data), subject and bytes.fromhex(subject.split(":")[1]),
             more.get("artifactType", ""), json.dumps({"number": str(i)}) if subject else "", data))
        yield i, cursor.lastrowid


def repositories(data, names):
    with _open(data) as db:
        db.executemany("INSERT INTO repositories (name, created_at) VALUES (?, unixepoch())", ((n,) for n in names))
    db.close()


def tags(data, name, names):
    """Each tag points at a manifest of its own."""
    with _open(data) as db:
        repository = _repository(db, name)
        names = list(names)
        db.executemany("INSERT INTO tags (repository, name, manifest, updated_at) VALUES (?, ?, ?, unixepoch())",
                       [(repository, names[i], manifest) for i, manifest in _manifests(db, repository, range(len(names)))])
    db.close()


def referrers(data, name, subject, count):
    """Every tenth has the artifact type application/x.tenth."""
    with _open(data) as db:
        repository = _repository(db, name)
        for rest in range(10):
            kind = "application/x.tenth" if rest == 0 else "application/x.other"
            for _ in _manifests(db, repository, range(rest, count, 10), subject=subject, artifactType=kind):
                pass
    db.close()
