"""
containerd 1.6, 1.7 and 2.1 by the README's words, and podman 5 and skopeo, whose requests as nobody go on by tokens: they send an
empty pair where they are asked for Basic.
"""
from lab import REGISTRY, ClientCase
from obtain import root
import daemons

PUBLIC, CLOSED = f"{REGISTRY}/kept/public", f"{REGISTRY}/kept/closed"


class Containers(ClientCase):
    tools = ("containerd", "ctr", "skopeo", "mmdebstrap")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name in ("kept/public", "kept/closed"):
            cls.seed(cls, name)
        for name in ("kept/public", "kept/open/*"):
            cls.lab.server.command("user", "grant", "anonymous", name, "pull")
        cls.machines = {suite: cls.lab.machine("kept-" + suite, root(suite)) for suite in ("bookworm", "trixie", "forky")}

    def failed(self, machine):
        return len([r for r in machine.requests() if "auth.failed" in r])

    def test_containerd(self):
        for suite, machine in self.machines.items():
            with self.subTest(suite=suite):
                self.containerd(suite, machine)

    def containerd(self, suite, machine):
        process, socket = daemons.containerd(machine, "containerd-" + suite)
        machine.trust("containerd/certs.d", REGISTRY, self.lab.ca)
        hosts, mine = ("--hosts-dir", "/etc/containerd/certs.d"), f"{REGISTRY}/kept/open/{suite}"

        def ctr(verb, image, password=None, **k):
            creds = ("-u", f"{self.lab.user}:{password}") if password else ()
            return machine.run("ctr", "-a", socket, "images", verb, *hosts, *creds, image, **k)
        ctr("pull", PUBLIC + ":app")
        self.assertNotIn("x509", ctr("pull", CLOSED + ":app", status=1))
        ctr("pull", PUBLIC + ":multi", "wrong-password")  # nobody asked for it
        self.assertEqual(self.failed(machine), 0)
        said = ctr("pull", CLOSED + ":app", "wrong-password", status=1)
        self.assertRegex(said, "403 Forbidden|wrong user name or password")
        self.assertIn(self.failed(machine), (1, 2), said)
        ctr("pull", CLOSED + ":app", self.lab.password)
        for tag in ("1", "2"):  # where everybody may pull, the PUT comes with the password all the same
            machine.run("ctr", "-a", socket, "images", "tag", CLOSED + ":app", f"{mine}:{tag}")
            ctr("push", f"{mine}:{tag}", self.lab.password)
        before = self.failed(machine)
        ctr("push", f"{mine}:2", "wrong-password-2", status=None)
        self.assertLessEqual(self.failed(machine) - before, 4)  # it asks for layers and configuration at once
        process.terminate()
        process.wait(60)

    def test_nobody(self):
        machine = self.lab.machine("kept-podman", root("forky"))
        for m in (machine, self.lab.clients):
            m.trust("containers/certs.d", REGISTRY, self.lab.ca)
        p = self.lab.path("podman-kept")
        podman = ("podman", "--root", p + "/root", "--runroot", p + "/run", "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs",
                  "--events-backend", "file")
        for m, client in ((machine, (*podman, "pull", "-q")), (self.lab.clients, ("skopeo", "inspect"))):
            before = len(m.requests())
            m.run(*client, f"docker://{PUBLIC}:app")
            self.assertRegex(m.run(*client, f"docker://{CLOSED}:app", status=1), "(?i)unauthorized|authentication required|denied")
            requests = m.requests()[before:]
            self.assertTrue([r for r in requests if "path=/token status=200" in r], requests)
            self.assertFalse([r for r in requests if "auth.failed" in r])
