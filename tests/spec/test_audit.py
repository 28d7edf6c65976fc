"""A change and its row of the audit log are one transaction: while the log takes no row, nothing can be changed."""
import contextlib, json, os, sqlite3, subprocess, tempfile
from cove import BINARY, CONFIG, OCI_IMAGE, Case, Client, image, sha256

# noted at most every ten minutes, not waited for, and no change
USES = {"last_login_at", "last_used_at"}


class OneTransaction(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        c = cls.cove
        cls.api = Client(c)
        cls.api.auth = c.basic()
        cls.me = cls.api.request("GET", "/api/v1/me").json()["name"]
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.database = sqlite3.connect(os.path.join(c.data, "cove.db"), timeout=30, isolation_level=None)
        cls.addClassCleanup(cls.database.close)

    def rest(self, method, path, body=None):
        """What a call of the API gives: status and text."""
        data = None if body is None else json.dumps(body).encode()
        r = self.api.request(method, "/api/v1" + path, data, {"Content-Type": "application/json"} if data else None)
        return r.status, r.body.decode()

    def registry(self, method, path, body=None):
        client = self.cove.client("repository:own/app:pull,push,delete")
        r = client.request(method, "/v2/own/app" + path, body, {"Content-Type": OCI_IMAGE} if body else None)
        client.close()
        return r.status, r.body.decode()

    def command(self, *words):
        done = subprocess.run([BINARY, *words, "--data", self.cove.data], capture_output=True, timeout=120)
        return 500 if done.returncode else 200, done.stderr.decode()

    @contextlib.contextmanager
    def log_takes_no_row(self):
        for what in ("INSERT", "UPDATE"):
            self.database.execute(f"CREATE TRIGGER no_{what} BEFORE {what} ON audit BEGIN SELECT RAISE(ABORT, 'no rows'); END")
        try:
            yield
        finally:
            for what in ("INSERT", "UPDATE"):
                self.database.execute(f"DROP TRIGGER no_{what}")

    def content(self):
        """Everything in the database but the log."""
        tables = [name for name, in self.database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'audit' AND name NOT LIKE 'sqlite_%' ORDER BY name")]
        found = {}
        for table in tables:
            rows = self.database.execute(f"SELECT * FROM {table}")
            names = [d[0] for d in rows.description]
            found[table] = sorted(repr([v for n, v in zip(names, row) if n not in USES]) for row in rows)
        self.assertIn("tags", found)
        return found

    def rows(self, action, object):
        """How often the log has it, and its newest detail."""
        found = self.database.execute("SELECT count, detail FROM audit WHERE action = ? AND object = ? AND refused = 0 ORDER BY id",
                                      (action, object)).fetchall()
        return sum(count for count, _ in found), found[-1][1] if found else None

    def test_every_change(self):
        spare = os.path.join(self.directory.name, "spare")
        os.mkdir(spare)
        layers = [b"one", b"two"]
        first, second = (json.dumps(image([sha256(l)], [len(l)])).encode() for l in layers)
        unused = sha256(b"unused")

        def push_blobs():
            with contextlib.closing(self.cove.client("repository:own/app:pull,push")) as client:
                for blob in (CONFIG, *layers, b"unused"):
                    client.push_blob("own/app", blob)

        rest, registry, command = self.rest, self.registry, self.command
        grant = {"pattern": "team/**", "actions": "pull"}
        changes = (
            ("user.add", "ann", None, rest, "POST", "/users", {"name": "ann", "password": "a-long-password"}),
            ("user.add", "bot", "robot", command, "user", "add", "bot", "--robot"),
            ("role.add", "team", None, rest, "POST", "/roles", {"name": "team"}),
            ("role.grant", "team", None, rest, "PUT", "/roles/team/grants", grant),
            ("user.role", "ann", "team", rest, "PUT", "/users/ann/roles/team"),
            ("user.grant", "ann", None, rest, "PUT", "/users/ann/grants", grant),
            ("key.create", "ann", None, rest, "POST", "/users/ann/keys", {"label": "ci"}),
            ("key.revoke", "ann", None, rest, "DELETE", "/users/ann/keys/1"),
            ("key.create", "ann", None, rest, "POST", "/users/ann/keys", {"label": "another"}),
            ("key.revoke", "ann", "all", rest, "DELETE", "/users/ann/keys"),
            ("user.password", "ann", None, rest, "PATCH", "/users/ann", {"password": "another-password"}),
            ("user.disable", "ann", None, rest, "PATCH", "/users/ann", {"enabled": False}),
            ("user.enable", "ann", None, rest, "PATCH", "/users/ann", {"enabled": True}),
            ("user.role.take", "ann", "team", rest, "DELETE", "/users/ann/roles/team"),
            ("user.remove", "ann", None, rest, "DELETE", "/users/ann"),
            ("role.remove", "team", None, rest, "DELETE", "/roles/team"),
            # one's own
            ("key.create", self.me, None, rest, "POST", "/me/keys", {"label": "one"}),
            ("key.create", self.me, None, rest, "POST", "/me/keys", {"label": "another"}),
            ("key.revoke", self.me, None, rest, "DELETE", "/me/keys/3"),
            ("key.revoke", self.me, None, rest, "DELETE", "/me/keys"),
            ("issuer.add", "forge", None, rest, "POST", "/issuers", {"name": "forge", "url": "https://forge.example", "audience": "box"}),
            ("issuer.rule.add", "forge", None, rest, "POST", "/issuers/forge/rules",
             {"name": "deploy", "conditions": {"repository": "myorg/*"}, "roles": ["reader"]}),
            ("issuer.rule.remove", "deploy", None, rest, "DELETE", "/issuers/forge/rules/deploy"),
            ("issuer.remove", "forge", None, rest, "DELETE", "/issuers/forge"),
            ("namespace.create", "hub", None, rest, "POST", "/namespaces",
             {"name": "hub", "kind": "proxy", "attributes": {"upstream": "https://registry.example"}}),
            ("namespace.change", "hub", "online=false", rest, "PATCH", "/namespaces/hub", {"attributes": {"online": "false"}}),
            ("namespace.password", "hub", None, rest, "PUT", "/namespaces/hub/password", {"password": "secret"}),
            ("namespace.refresh", "hub", None, rest, "POST", "/namespaces/hub/refresh"),
            ("namespace.remove", "hub", None, rest, "DELETE", "/namespaces/hub"),
            ("namespace.create", "own", None, rest, "POST", "/namespaces", {"name": "own", "kind": "hosted"}),
            push_blobs,
            ("tag.add", "own/app:1", sha256(first), registry, "PUT", "/manifests/1", first),
            ("tag.move", "own/app:1", f"from {sha256(first)} to {sha256(second)}", registry, "PUT", "/manifests/1", second),
            ("tag.add", "own/app:2", sha256(first), registry, "PUT", f"/manifests/{sha256(first)}?tag=2&tag=1", first),
            ("tag.delete", "own/app:2", sha256(first), registry, "DELETE", "/manifests/2"),
            ("manifest.delete", "own/app", sha256(first), registry, "DELETE", f"/manifests/{sha256(first)}"),
            ("blob.delete", "own/app", unused, registry, "DELETE", f"/blobs/{unused}"),
            ("repository.remove", "own/app", "", command, "repository", "remove", "own/app"),
            push_blobs,
            ("namespace.purge", "own", "", rest, "DELETE", "/namespaces/own?purge=true"),
            ("blob-store.add", "spare", spare, rest, "POST", "/blob-stores", {"name": "spare", "path": spare}),
            ("blob-store.remove", "spare", "", rest, "DELETE", "/blob-stores/spare"),
            ("blob-store.add", "usb", spare, command, "blob-store", "add", "usb", spare),
            ("blob-store.remove", "usb", "", command, "blob-store", "remove", "usb"),
        )
        for change in changes:
            if callable(change):
                change()
                continue
            action, object, detail, call, *args = change
            with self.subTest(action, object=object):
                before, count = self.content(), self.rows(action, object)[0]
                with self.log_takes_no_row():
                    status, text = call(*args)
                self.assertEqual(status, 500, text)
                self.assertIn("nothing was changed", text)
                self.assertEqual(self.content(), before)
                status, text = call(*args)
                self.assertLess(status, 300, text)
                self.assertNotEqual(self.content(), before)
                self.assertEqual(self.rows(action, object)[0], count + 1)
                if detail is not None:
                    self.assertEqual(self.rows(action, object)[1], detail)
        self.assertEqual(os.listdir(spare).count("cove-blob-store"), 0)
