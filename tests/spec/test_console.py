"""What the console says at a start: an address that the certificate has and that leads here, the password, its loss."""
import re, subprocess, tempfile, unittest
from cove import Cove


def told(cove):
    return re.search(r"ready at https://(\S+)", cove.console.decode()).group(1)


class Address(unittest.TestCase):
    def shown(self, *flags, host):
        cove = Cove(*flags, host=host).start()
        self.addCleanup(cove.destroy)
        self.assertEqual(cove.stop(), 0)
        return told(cove).rsplit(":", 1)[0]

    def own(self, names):
        d = tempfile.TemporaryDirectory()
        self.addCleanup(d.cleanup)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=x", "-addext", "subjectAltName=" + names, "-keyout", d.name + "/k", "-out", d.name + "/c"],
                       check=True, capture_output=True)
        return "--certificate", d.name + "/c", "--certificate-key", d.name + "/k"

    def test_concrete_address(self):
        self.assertEqual(self.shown(host="127.0.0.1"), "127.0.0.1")
        self.assertEqual(self.shown("--names", "registry.example.org", host="[::1]"), "[::1]")

    def test_names(self):
        self.assertEqual(self.shown("--names", "registry.example.org,192.0.2.7", host=""), "registry.example.org")

    def test_own_certificate(self):
        """Only what stands in it: whatever else the machine is called, clients would refuse."""
        self.assertEqual(self.shown(*self.own("DNS:*.example.org,DNS:reg.example.org,IP:192.0.2.7"), host=""), "reg.example.org")
        self.assertEqual(self.shown(*self.own("DNS:reg.example.org"), host="127.0.0.1"), "reg.example.org")
        self.assertEqual(self.shown(*self.own("IP:192.0.2.7,DNS:localhost"), host=""), "192.0.2.7")
        self.assertEqual(self.shown(*self.own("DNS:*.example.org"), "--names", "box.example.org", host=""), "box.example.org")
