"""Namespaces declared in cove.yaml: made at the start, read-only elsewhere, changed by SIGHUP, checked with file and line."""
import os, signal, tempfile, time, unittest
from cove import Case, Cove


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
