"""What the console says at a start: an address that the certificate has and that leads here, the password, its loss."""
import fcntl, os, pty, re, resource, signal, subprocess, tempfile, termios, unittest
from cove import BINARY, Case, Cove, eventually


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


class Journal(unittest.TestCase):
    """Where systemd's journal reads stderr, each line begins with its priority (sd-daemon(3)); elsewhere none does."""

    def log(self, matches):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        with open(os.path.join(folder.name, "stream"), "w+b") as stream:
            st = os.fstat(stream.fileno())
            told = f"{st.st_dev}:{st.st_ino if matches else st.st_ino + 1}"
            for command in (["serve", "--data", folder.name + "/data", "--listen", "127.0.0.1:0"],
                            ["serve", "--data", folder.name + "/no/such", "--listen", "127.0.0.1:0"]):
                p = subprocess.Popen([BINARY, *command], env={**os.environ, "JOURNAL_STREAM": told}, stderr=stream,
                                     stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
                while (line := p.stdout.readline()) and b"docker push" not in line:
                    pass
                p.terminate()
                p.communicate(timeout=60)
            stream.seek(0)
            return stream.read().decode().splitlines()

    def test_priorities(self):
        lines = self.log(matches=True)
        self.assertTrue([l for l in lines if re.match("<6>time=.* level=info event=start ", l)], lines)
        self.assertTrue([l for l in lines if l.startswith("<3>cove: cannot create the data directory")], lines)
        self.assertEqual([l for l in lines if not re.match("<[3467]>", l)], [])

    def test_elsewhere(self):
        lines = self.log(matches=False)
        self.assertTrue([l for l in lines if l.startswith("time=")], lines)
        self.assertEqual([l for l in lines if l.startswith("<")], [])


class Password(Case):
    """As it is typed, and as it comes from a file."""

    def test_line_ends(self):
        c = self.cove.command
        c("user", "add", "dora", stdin=b"dora-password\r\n")
        self.cove.client(user="dora", password="dora-password")
        c("user", "add", "long", stdin=b"x" * 8000 + b"\r\n")
        self.cove.client(user="long", password="x" * 8000)
        for line in (b"x" * 16385 + b"\n", b"x" * 50000, b"with a \0 within\n"):
            self.assertIn("one line of at most 16384 bytes", c("user", "passwd", "dora", stdin=line, status=2))

    def test_terminal_after_ctrl_c(self):
        """The echo is back, and the process has ended by the signal."""
        for signals, ends in ((b"\x03", -signal.SIGINT), (b"\x1c", -signal.SIGQUIT)):
            ours, theirs = pty.openpty()
            self.addCleanup(os.close, ours)
            p = subprocess.Popen([BINARY, "user", "passwd", "admin", "--data", self.cove.data], stdin=theirs, stderr=theirs,
                                 stdout=theirs, preexec_fn=lambda: (os.setsid(), signal.signal(signal.SIGINT, signal.SIG_DFL),
                                                                    signal.signal(signal.SIGQUIT, signal.SIG_DFL), fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                                                                    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))))
            eventually(lambda: not termios.tcgetattr(theirs)[3] & termios.ECHO, "nothing is shown")
            os.write(ours, b"half a pass" + signals)
            self.assertEqual(p.wait(60), ends)
            self.assertTrue(termios.tcgetattr(theirs)[3] & termios.ECHO)
            os.close(theirs)


class Damaged(unittest.TestCase):
    """Files of the data directory that are broken or gone: what does not need them works, and the way out is said."""

    def setUp(self):
        self.cove = Cove().start()
        self.addCleanup(self.cove.destroy)

    def path(self, name):
        return os.path.join(self.cove.data, name)

    def test_seal_key(self):
        c = self.cove.command
        c("namespace", "create", "hub", "proxy", "upstream=https://127.0.0.1:1", "username=me")
        c("namespace", "password", "hub", stdin=b"upstream-password\n")
        self.cove.client("repository:own/app:pull,push").push_image("own/app", "1")
        self.assertEqual(self.cove.stop(), 0)
        os.truncate(self.path("keys/seal.key"), 5)
        password = self.cove.password
        self.cove.start()
        self.cove.password = password
        self.assertIn("event=data.seal ", self.cove.read_log())
        r = self.cove.client("repository:own/app:pull").request("GET", "/v2/own/app/manifests/1")
        self.assertEqual(r.status, 200)
        r = self.cove.client("repository:hub/app:pull").request("GET", "/v2/hub/app/manifests/1")
        self.assertGreaterEqual(r.status, 500)
        self.assertIn("admin", c("user", "list"))
        self.assertIn("keys/seal.key", c("namespace", "password", "hub", stdin=b"upstream-password\n", status=1))
        self.assertEqual(self.cove.stop(), 0)
        os.remove(self.path("keys/seal.key"))  # as it was told
        c("namespace", "password", "hub", stdin=b"upstream-password\n")

    def test_database(self):
        self.assertEqual(self.cove.stop(), 0)
        os.mkdir(self.path("cove.db-wal"))  # to SQLite the same as a file system that is read-only
        self.assertIn("not read-only", self.cove.command("user", "list", status=1))
        os.rmdir(self.path("cove.db-wal"))
        with open(self.path("cove.db"), "wb") as f:
            f.write(os.urandom(20000))
        for command in (["user", "list"], ["serve", "--listen", "127.0.0.1:0"]):
            self.assertIn("backups/", self.cove.command(*command, status=1))
        os.truncate(self.path("cove.db"), 0)
        for _ in (0, 1):
            self.assertIn("cove.db is missing", self.cove.command("user", "list", status=1))
            if os.path.exists(self.path("cove.db")):
                os.remove(self.path("cove.db"))
        self.cove.start()
        self.assertIn("event=data.lost ", self.cove.read_log())
        self.assertEqual(self.cove.stop(), 0)
