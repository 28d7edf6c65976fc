"""Namespaces declared in cove.yaml: made at the start, read-only elsewhere, changed by SIGHUP, checked with file and line."""
import os, signal, tempfile, time, unittest
from cove import Cove, eventually


class Declared(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="cove-declared-")
        self.file = self.dir + "/settings.yaml"
        self.write("namespaces:\n  own:\n    kind: hosted\n    redeploy: refused\n    redeploy_except: [latest, dev-*]\n"
                   "  all: {kind: group, members: [own], writable: own}\n")
        self.cove = Cove("--config", self.file)

    def tearDown(self):
        self.assertEqual(self.cove.stop(), 0)
        self.cove.destroy()

    def write(self, text):
        with open(self.file, "w") as f:
            f.write(text)

    def shown(self, name, status=0):
        return self.cove.command("namespace", "show", name, status=status)

    def wait_for(self, condition):
        for _ in range(100):
            if condition():
                return
            time.sleep(0.1)
        raise AssertionError("it never came to be")

    def test_file_that_comes_later(self):
        """cove.yaml of the data directory, made while the server runs; what cannot be taken over then is named."""
        cove = Cove("--stop-grace", "20s")
        with open(cove.data + "/cove.yaml", "w") as f:
            f.write("threads: 9\n")
        cove.start()
        os.remove(cove.data + "/cove.yaml")
        self.assertEqual(cove.stop(), 0)
        cove.start()
        with open(cove.data + "/cove.yaml", "w") as f:
            f.write("names: other.lan\nlog_level: debug\nstop_grace: 1s\nnamespaces:\n  late: {kind: hosted}\n")
        cove.process.send_signal(signal.SIGHUP)
        eventually(lambda: "late" in cove.command("namespace", "list"), "the namespace is there")
        self.assertIn("settings=names,log_level ", cove.read_log())
        with open(cove.data + "/cove.yaml", "w") as f:
            f.write("log_level: loud\nnamespaces:\n  later: {kind: hosted}\n")
        cove.process.send_signal(signal.SIGHUP)
        eventually(lambda: "cove.yaml:1:12: log_level: " in cove.read_log(), "the mistake is logged")
        os.remove(cove.data + "/cove.yaml")
        self.assertNotIn("later", cove.command("namespace", "list"))
        self.assertEqual(cove.stop(), 0)
        cove.destroy()

    def test_origin(self):
        """A mistake that only shows when the value is used is said with its place."""
        for text, says in (("names: \"a b\"\n", ":1: names: "), ("threads: 2\ncertificate: /x\n", ":2: certificate: "),
                           ("certificate: /nowhere/c\ncertificate_key: /nowhere/k\n", ":1: certificate: cannot open /nowhere/c")):
            self.write(text)
            said = self.cove.command("check", "--config", self.file, status=1)
            self.assertIn("settings.yaml" + says, said)
        self.assertIn("cove: --names: ", self.cove.command("check", "--names", "a b", status=1))
        self.assertIn("settings.yaml:1: ", self.cove.command("serve", "--config", self.file, status=1))

    def test_life(self):
        self.cove.start()
        self.assertIn("latest dev-*", self.shown("own"))
        self.assertIn("cove.yaml", self.cove.command("namespace", "change", "own", "redeploy=allowed", status=2))
        self.cove.command("namespace", "create", "mine", "hosted")
        # SIGHUP: one is changed, one goes, one comes; what was made by hand stays
        self.write("namespaces:\n  own: {kind: hosted, quota: 5GiB}\n  docker.io: {kind: proxy, upstream: https://registry-1.docker.io}\n")
        self.cove.process.send_signal(signal.SIGHUP)
        self.wait_for(lambda: "5GiB" in self.shown("own"))
        self.shown("all", status=1)
        self.shown("docker.io")
        self.shown("mine")
        # a file that is wrong changes nothing
        self.write("namespaces:\n  own: {kind: hosted, quota: much}\n")
        self.cove.process.send_signal(signal.SIGHUP)
        self.wait_for(lambda: "settings.yaml:2" in self.cove.read_log())
        self.assertIn("5GiB", self.shown("own"))
        said = self.cove.command("check", "--config", self.file, status=1)
        self.assertIn("settings.yaml:2: ", said)
        self.assertIn("quota", said)

    def test_beside_what_was_made_by_hand(self):
        """What contradicts it is said by `cove check` and in the log; the server starts with what was good, and pulls go on."""
        self.cove.start()
        self.cove.command("namespace", "create", "mine", "group", "members=own")
        self.cove.client("repository:own/app:pull,push").push_image("own/app", "1")
        self.write("namespaces: {}\n")  # own is a member of mine
        self.cove.command("check", "--config", self.file)
        self.cove.stop()
        self.cove.start()
        self.shown("own")
        for text, part in (("  mine: {kind: hosted}\n", "exists with kind group"), ("  x: {kind: hosted, host: taken.local}\n", "both have host")):
            self.cove.command("namespace", "change", "mine", "host=taken.local")
            self.write("namespaces:\n" + text)
            self.assertIn(part, self.cove.command("check", "--config", self.file, status=1))
            self.cove.stop()
            self.cove.start()
            self.assertRegex(self.cove.read_log(), rf'level=error.*event=start namespaces=unchanged reason=".*{part}')
            c = self.cove.client("repository:mine/app:pull")
            self.assertEqual(c.request("GET", "/v2/mine/app/manifests/1").status, 200)
        # what the file itself has wrong is no start
        self.write("namespaces:\n  x: {kind: hosted, quota: much}\n")
        self.cove.stop()
        with self.assertRaisesRegex(AssertionError, "settings.yaml:2"):
            self.cove.start()
        self.write("namespaces: {}\n")
        self.cove.start()
