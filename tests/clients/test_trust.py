"""
The README's words for Docker, on each engine: the CA in /etc/docker/certs.d/HOST:PORT, and nothing else. Login, pull, push and
build, also by nobody, by keys, by those who may pull only, and with wrong passwords.
"""
import json, os
import engines
from lab import REGISTRY, ClientCase

PUBLIC, CLOSED = f"{REGISTRY}/trust/public:app", f"{REGISTRY}/trust/closed:app"
# How a registry says no; a failure of trust says x509.
REFUSED = "(?i)401|unauthorized|no basic auth credentials|denied"


class Trust(ClientCase):
    tools = ("dockerd", "docker", "containerd", "skopeo", "mmdebstrap")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        lab, c = cls.lab, cls.lab.server.command
        cls.seed(cls, "trust/public")
        cls.seed(cls, "trust/closed")
        c("user", "grant", "anonymous", "trust/public", "pull")
        c("user", "grant", "anonymous", "trust/open/**", "pull")
        cls.engines = engines.make(lab)
        for e in cls.engines:
            e.machine.trust("docker/certs.d", REGISTRY, lab.ca)
            e.push, e.pull = e.name + "-push", e.name + "-pull"
            for user, grants in ((e.push, ("trust/closed:pull", f"trust/{e.name}/**:pull,push", f"trust/open/{e.name}:pull,push")),
                                 (e.pull, ("trust/closed:pull", f"trust/{e.name}/**:pull"))):
                c("user", "add", user, *(w for g in grants for w in ("--grant", g)), stdin=b"right-password\n")
        for _, started in engines.side_by_side(cls.engines, engines.Engine.start):
            started.result()

    @classmethod
    def tearDownClass(cls):
        for e in cls.engines:
            e.stop()

    def each(self, do):
        for e, done in engines.side_by_side(self.engines, do):
            with self.subTest(engine=e.name):
                done.result()

    def refused(self, said):
        self.assertRegex(said, REFUSED)
        self.assertNotIn("x509", said)

    def saved(self, engine, user):
        with open(os.path.join(self.lab.path(engine.name, "config-" + user), "config.json")) as f:
            return json.load(f)["auths"][REGISTRY]

    def test_1_nobody(self):
        def do(e):
            e.docker("pull", PUBLIC)
            e.build("public", PUBLIC)
            self.refused(e.docker("pull", CLOSED, status=1))
            self.refused(e.build("closed", CLOSED, status=1))
        self.each(do)

    def work(self, e, user):
        """Pull, push, build from what was pulled, in a repository of its own."""
        mine = f"{REGISTRY}/trust/{e.name}"
        e.docker("pull", CLOSED, user=user)
        e.docker("tag", CLOSED, f"{mine}/{user}:1")
        e.docker("push", f"{mine}/{user}:1", user=user)
        e.build(f"{mine}/built:1", CLOSED, user=user)
        e.docker("push", f"{mine}/built:1", user=user)
        if e.has_buildx:
            cache = f"type=registry,ref={mine}/cache:1"
            to = ("--cache-to", cache if e.is_store else "type=inline", "--cache-from", cache)
            e.build(f"{mine}/built:2", CLOSED, "buildx", "build", "--push", *to, user=user)
            e.docker("rmi", f"{mine}/built:1")
            e.docker("pull", f"{mine}/built:2", user=user)

    def test_2_password(self):
        def do(e):
            e.login(e.push, "right-password")
            saved = self.saved(e, e.push)
            self.assertIn("auth", saved)
            self.assertNotIn("identitytoken", saved)
            self.work(e, e.push)
            mounts = [r for r in e.machine.requests() if f"method=POST path=/v2/trust/{e.name}/{e.push}/blobs/uploads/ status=201" in r]
            self.assertEqual(len(mounts), 4 if e.is_store else 3)  # the layers, and the store's configuration
        self.each(do)

    def test_3_key(self):
        def do(e):
            key = self.lab.server.command("key", "create", e.push).split()
            key = next(word for word in key if word.startswith("cove_k_"))
            e.login("key", key, name=e.push)
            self.work(e, "key")
        self.each(do)

    def test_4_pull_only(self):
        def do(e):
            e.login(e.pull, "right-password")
            e.docker("pull", CLOSED, user=e.pull)
            e.docker("pull", PUBLIC, user=e.pull)  # it has no grant of its own there
            e.build("public", PUBLIC, user=e.pull)
            tag = f"{REGISTRY}/trust/{e.name}/refused:1"
            e.build(tag, CLOSED, user=e.pull)
            said = e.docker("push", tag, user=e.pull, status=1)
            # the others show a sentence of their own
            self.assertRegex(said, "has no right to push" if e.is_store and e.reads_hosts else "denied|403 Forbidden")
        self.each(do)

    def test_5_open_to_all(self):
        """Pushes where everybody may pull: each PUT of a manifest comes with the credentials, which nobody asked for before."""
        def do(e):
            mine = f"{REGISTRY}/trust/open/{e.name}"
            e.login(e.push, "right-password")
            e.build(mine + ":1", CLOSED, user=e.push)
            e.docker("push", mine + ":1", user=e.push)
            e.docker("tag", mine + ":1", mine + ":2")
            e.docker("push", mine + ":2", user=e.push)
            tags = ["1", "2"]
            if e.has_buildx:  # it asks by the system's store only
                e.docker("buildx", "imagetools", "create", "-t", mine + ":3", mine + ":1", user=e.push, SSL_CERT_FILE=self.lab.server.ca)
                tags.append("3")
            self.assertEqual(json.loads(self.lab.client("skopeo", "list-tags", f"docker://{mine}"))["Tags"], tags)
        self.each(do)

    def test_6_wrong_password(self):
        """As it was saved, from before it was changed: each command counts it a few times at most, and says it."""
        def do(e):
            e.login("changed", "right-password", name=e.pull)
            self.lab.server.command("user", "passwd", e.pull, stdin=b"another-password\n")
            commands = {"pull": lambda: e.docker("pull", CLOSED, user="changed", status=1),
                        "build": lambda: e.build("wrong", CLOSED, user="changed", status=1)}
            for name, command in commands.items():
                before = len([r for r in e.machine.requests() if "auth.failed" in r])
                said = command()
                self.assertNotIn("x509", said)
                self.assertRegex(said, "(?i)403 forbidden|wrong user name or password")
                counted = len([r for r in e.machine.requests() if "auth.failed" in r]) - before
                self.assertIn(counted, (1, 2), f"{name}: {said}")
        self.each(do)
