"""The certificates, judged by OpenSSL and GnuTLS: what ours say, what a stolen CA key is worth, and the owner's own chain."""
import html, os, re, shutil, socket, ssl, subprocess, tempfile, unittest
from cove import Case, Client, Cove, eventually

NAMES = "registry.example.com,203.0.113.9,2001:db8::9"


def run(*args, status=0):
    done = subprocess.run(args, capture_output=True, timeout=60)
    if done.returncode != status:
        raise AssertionError(f"{args}: status {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}")
    return done.stdout.decode() + done.stderr.decode()


class Folder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="cove-test-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def mint(self, name, extensions, ca=None, key=None):
        """NAME.crt and NAME.key: self-signed, or by the CA given."""
        with open(self.path(name + ".ext"), "w") as f:
            f.write("\n".join(extensions) + "\n")
        run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/O=the " + name,
            "-keyout", self.path(name + ".key"), "-out", self.path(name + ".csr"))
        signer = ["-CA", ca, "-CAkey", key, "-CAcreateserial", "-CAserial", self.path("serial")] if ca else \
            ["-signkey", self.path(name + ".key")]
        run("openssl", "x509", "-req", "-days", "30", "-in", self.path(name + ".csr"), "-out", self.path(name + ".crt"),
            "-extfile", self.path(name + ".ext"), *signer)
        return self.path(name + ".crt")


class OwnCa(Folder):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cove = Cove("--names", NAMES).start()
        cls.tls = os.path.join(cls.cove.data, "tls")
        cls.ca, cls.leaf = os.path.join(cls.tls, "ca.crt"), os.path.join(cls.tls, "leaf.crt")

    @classmethod
    def tearDownClass(cls):
        assert cls.cove.stop() == 0

    def verify(self, leaf, *more, status=0):
        return run("openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", self.ca, *more, leaf, status=status)

    def certtool(self, leaf, status=0):
        return run("certtool", "--verify", "--load-ca-certificate", self.ca, "--infile", leaf, status=status)

    def test_what_people_are_told(self):
        """Console, front page and README say the same, word for word."""
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "README.md")) as f:
            readme = re.search("```\n(Make a client trust .*?)```", f.read(), re.S).group(1)
        fingerprint = re.search(r"CA sha256 +(\S+)", self.cove.console.decode()).group(1)
        told = readme.replace("box:5000", f"{self.cove.host}:{self.cove.port}").replace("AB:CD:…", fingerprint)
        page = html.unescape(Client(self.cove).request("GET", "/").body.decode())
        self.assertEqual(re.search("<pre>(.*)</pre>", page, re.S).group(1), told)
        console = self.cove.console.decode()
        console = console[console.index("Make a client"):].rstrip()  # read as far as the last command
        self.assertIn("docker push", console)
        self.assertTrue(told.startswith(console))

    def test_content(self):
        """What clients enforce (docs/clients.md, Certificates)."""
        text = run("openssl", "x509", "-in", self.ca, "-noout", "-text")
        for want in ("Basic Constraints: critical", "CA:TRUE, pathlen:0", "Key Usage: critical", "Certificate Sign, CRL Sign",
                     "Name Constraints: critical", "DNS:home.arpa", "IP:10.0.0.0/255.0.0.0", "IP:203.0.113.9/255.255.255.255",
                     "ecdsa-with-SHA256", "prime256v1", "Subject Key Identifier"):
            self.assertIn(want, text)
        self.assertNotIn("Excluded", text)
        text = run("openssl", "x509", "-in", self.leaf, "-noout", "-text")
        for want in ("CA:FALSE", "Digital Signature", "TLS Web Server Authentication", "DNS:registry.example.com", "DNS:localhost",
                     "IP Address:127.0.0.1", "IP Address:2001:DB8:0:0:0:0:0:9", "Authority Key Identifier"):
            self.assertIn(want, text)
        for name in ("ca.key", "leaf.key"):
            self.assertEqual(os.stat(os.path.join(self.tls, name)).st_mode & 0o777, 0o600)

    def test_verified(self):
        self.verify(self.leaf, "-verify_hostname", "registry.example.com")
        self.verify(self.leaf, "-verify_hostname", "localhost")
        self.verify(self.leaf, "-verify_ip", "203.0.113.9")
        self.verify(self.leaf, "-verify_ip", "2001:db8::9")
        self.verify(self.leaf, "-verify_hostname", "example.com", status=2)
        self.certtool(self.leaf)

    def test_stolen_key(self):
        """With our CA's key nobody can be anything but a machine of a home network (docs/clients.md, Name constraints)."""
        rows = [("DNS:box.lan", True), ("DNS:registry.example.com", True), ("IP:192.168.7.7", True), ("IP:fd00::7", True),
                ("DNS:google.com", False), ("DNS:example.com", False), ("DNS:other.example.com", False), ("IP:8.8.8.8", False),
                ("IP:203.0.113.8", False), ("IP:2001:db8::8", False), ("DNS:box.lan,DNS:google.com", False)]
        for name, good in rows:
            with self.subTest(name):
                leaf = self.mint("forged", ["subjectAltName=" + name, "extendedKeyUsage=serverAuth", "keyUsage=digitalSignature"],
                                 self.ca, os.path.join(self.tls, "ca.key"))
                self.verify(leaf, status=0 if good else 2)
                self.certtool(leaf, status=0 if good else 1)

    def test_no_ca_below(self):
        """pathlen 0: our key makes no further CA that could be without constraints."""
        below = self.mint("below", ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"], self.ca,
                          os.path.join(self.tls, "ca.key"))
        leaf = self.mint("leaf", ["subjectAltName=DNS:box.lan"], below, self.path("below.key"))
        self.assertIn("path length", run("openssl", "verify", "-CAfile", self.ca, "-untrusted", below, leaf, status=2))


class Refused(Case):
    """What the owner is told of clients that refuse the certificate: the right remedy for each."""

    def refuse(self, source, name, ca=None):
        """A handshake by OpenSSL's library from that loopback address (each is told about once a minute)."""
        context = ssl.create_default_context(cafile=ca)
        raw = socket.create_connection((self.cove.host, self.cove.port), timeout=30, source_address=(source, 0))
        with raw, self.assertRaises(ssl.SSLError):
            context.wrap_socket(raw, server_hostname=name).recv(1)

    def told(self, source):
        line = lambda: [l for l in self.cove.read_log().splitlines() if f"peer={source} " in l]
        eventually(line, "a line about " + source)
        return line()[0]

    def test_untrusted_ca(self):
        self.refuse("127.0.0.11", "localhost")
        self.assertRegex(self.told("127.0.0.11"), "event=tls.untrusted .*alert=unknown_ca .*fetch the CA from http://.*/ca.crt")

    def test_wrong_name(self):
        self.refuse("127.0.0.12", "wrong.example.org", self.cove.ca)
        self.assertRegex(self.told("127.0.0.12"), "event=tls.wrong_name .*asked_for=wrong.example.org .*setting names")

    def test_the_alert_of_go(self):
        """bad_certificate, for a name that the certificate has, and for an address: then it is the CA."""
        for source, name in (("127.0.0.13", b"localhost"), ("127.0.0.14", None), ("127.0.0.15", b"other.example")):
            raw = socket.create_connection((self.cove.host, self.cove.port), timeout=30, source_address=(source, 0))
            raw.sendall(client_hello(name))
            self.assertEqual(raw.recv(1), b"\x16")
            raw.sendall(b"\x15\x03\x03\x00\x02\x02\x2a")
            raw.close()
            self.assertRegex(self.told(source), "event=tls.wrong_name .*asked_for=other.example "
                             if name == b"other.example" else "event=tls.untrusted .*alert=bad_certificate .*or its clock")


def client_hello(name):
    """Of TLS 1.2, with SNI where there is a name; as OpenSSL writes it."""
    context = ssl.create_default_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    out = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name.decode() if name else "127.0.0.1")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


class OwnChain(Folder):
    def test_constrained_intermediate(self):
        """The chain is sent as it was given, whatever critical extensions stand in it: they are the client's to judge."""
        root = self.mint("root", ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"])
        middle = self.mint("middle", ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign",
                                      "nameConstraints=critical,permitted;DNS:test,permitted;IP:127.0.0.0/255.0.0.0"],
                           root, self.path("root.key"))
        leaf = self.mint("server", ["subjectAltName=DNS:reg.test,IP:127.0.0.1"], middle, self.path("middle.key"))
        with open(self.path("chain.pem"), "w") as chain:
            for name in (leaf, middle):
                chain.write(run("openssl", "x509", "-in", name, "-text"))  # text between the blocks is allowed (RFC 7468 §2)
        files = ["--certificate", self.path("chain.pem"), "--certificate-key", self.path("server.key")]
        cove = Cove(*files)
        cove.command("check", *files)
        cove.start()
        cove.ca = root
        with cove.tls() as s:
            self.assertEqual(s.getpeercert()["subject"], ((("organizationName", "the server"),),))
        cove.command("namespace", "create", "ghcr.io", "proxy", "upstream=https://ghcr.io")
        for engine in ("containerd", "k3s", "buildkit"):  # what engines trust already needs no CA
            file = cove.command("mirror", "config", engine)
            self.assertIn(f":{cove.port}\"", file)
            self.assertNotRegex(file, "cove.crt|ca_file")
        self.assertEqual(cove.stop(), 0)
        cove.command("check", "--certificate", self.path("chain.pem"), "--certificate-key", self.path("root.key"), status=1)
        cove.command("check", "--certificate", self.path("chain.pem"), status=1)


class Damaged(unittest.TestCase):
    """A file of tls/ that is lost or broken stops no start while there is a certificate to serve, and is said at once."""

    def setUp(self):
        self.cove = Cove().start()
        self.tls = os.path.join(self.cove.data, "tls")
        self.trusted = os.path.join(self.cove.data, "trusted.crt")  # by a client, long ago
        shutil.copy(os.path.join(self.tls, "ca.crt"), self.trusted)
        self.assertEqual(self.cove.stop(), 0)
        self.addCleanup(self.cove.destroy)

    def starts_and_says(self, *sentences):
        os.truncate(self.cove.log_path, 0)
        self.cove.start()
        self.cove.ca = self.trusted
        self.cove.client("repository:a:pull")
        self.assertEqual(self.cove.stop(), 0)
        for sentence in sentences:
            self.assertIn(sentence, self.cove.read_log())

    def test_ca_key(self):
        key = os.path.join(self.tls, "ca.key")
        for damage in (lambda: os.truncate(key, 20), lambda: shutil.copy(os.path.join(self.tls, "leaf.key"), key), lambda: os.remove(key)):
            damage()
            self.starts_and_says("event=trust.ca ", "restore tls/ca.key from a backup")

    def test_ca(self):
        for content in (b"", b"rubbish\n"):
            with open(os.path.join(self.tls, "ca.crt"), "wb") as f:
                f.write(content)
            self.starts_and_says("tls/ca.crt", "restore it from a backup", "the current certificate stays in use")
            self.assertNotIn("CA sha256", self.cove.console.decode())

    def test_own_key(self):
        """The sentence is about the file that is wrong."""
        ca = os.path.join(self.tls, "leaf.crt")
        said = self.cove.command("check", "--certificate", ca, "--certificate-key", ca, status=1)
        self.assertIn(f"--certificate-key: {ca} contains no key", said)
