"""What a person sees: the first start, later starts, commands, stopping, reloading."""
import json, os, re, signal, socket, ssl, stat, subprocess, tempfile, threading, time, unittest
from cove import BINARY, Case, Client, Cove, Raw, add_digest, eventually, sha256


class FirstStart(unittest.TestCase):
    def test_first_and_second(self):
        cove = Cove().start()
        text = cove.console.decode()
        for wanted in ("https://", "admin", "password", "certs.d", "/etc/containers", "/etc/containerd", "docker login"):
            self.assertIn(wanted, text)
        shown = re.search(r"CA sha256 +(\S+)", text).group(1)
        real = subprocess.run(["openssl", "x509", "-in", cove.ca, "-noout", "-fingerprint", "-sha256"], capture_output=True)
        self.assertIn(shown, real.stdout.decode())
        password = cove.password
        self.assertNotIn(password, cove.read_log())
        for directory in ("keys", "tls"):
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(cove.data, directory)).st_mode) & 0o077, 0)
        passwd = f"cove user passwd admin --data {cove.data}"
        self.assertIn(passwd, text)
        self.assertIn("docker pull nginx", text)
        self.assertEqual(cove.stop(), 0)
        cove.start()  # nobody has logged in yet: the password may have been overlooked
        self.assertIn(passwd, cove.console.decode() + cove.process.stdout.readline().decode())
        self.assertNotIn(password, cove.console.decode())
        cove.password = password
        self.assertEqual(cove.client("repository:a:pull").request("GET", "/v2/").status, 200)
        with open(cove.ca) as f:
            ca = f.read()
        self.assertEqual(cove.stop(), 0)
        cove.start()
        self.assertNotIn("password", cove.console.decode())
        self.assertNotIn(password, cove.console.decode())
        cove.password = password
        self.assertEqual(cove.client().request("GET", "/v2/").status, 200)
        with open(cove.ca) as f:
            self.assertEqual(f.read(), ca)
        self.assertEqual(cove.stop(), 0)

    def test_password_that_cannot_be_shown(self):
        """It does not count: the next start shows another one."""
        cove = Cove()
        with open("/dev/full", "w") as full:
            r = subprocess.run([BINARY, "serve", "--data", cove.data, "--listen", "127.0.0.1:0"], stdout=full, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(r.returncode, 1)
        self.assertIn(b"password", r.stderr)
        cove.start()
        self.assertEqual(cove.client("repository:a:pull").request("GET", "/v2/").status, 200)
        self.assertEqual(cove.stop(), 0)

    def test_secrets_of_the_process(self):
        """No core file holds its memory; a data directory that others may write is spoken of."""
        cove = Cove().start()
        with open(f"/proc/{cove.process.pid}/limits") as f:
            self.assertRegex(f.read(), r"Max core file size +0 +0 ")
        self.assertNotIn("chmod go-w", cove.read_log())
        self.assertEqual(cove.stop(), 0)
        os.chmod(cove.data, 0o770)
        cove.start()
        self.assertIn("chmod go-w", cove.read_log())
        self.assertEqual(cove.stop(), 0)

    def test_one_server_per_directory(self):
        cove = Cove().start()
        second = subprocess.run([BINARY, "serve", "--data", cove.data, "--listen", "127.0.0.1:0"], capture_output=True, timeout=60)
        self.assertEqual(second.returncode, 1)
        self.assertIn(b"another cove", second.stderr)
        self.assertEqual(cove.stop(), 0)

    def test_port_in_use(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            with tempfile.TemporaryDirectory() as data:
                r = subprocess.run([BINARY, "serve", "--data", data, "--listen", f"127.0.0.1:{s.getsockname()[1]}"],
                                   capture_output=True, timeout=60)
                self.assertFalse(os.path.exists(data + "/tls/ca.crt"))  # the names of the CA are not settled by a failure
        self.assertEqual(r.returncode, 1)
        self.assertIn(b"another program uses it", r.stderr)
        self.assertIn(b"another port", r.stderr)


class Commands(Case):
    def test_users(self):
        c = self.cove
        out = c.command("user", "add", "alice", stdin=b"alice-password\n")
        self.assertIn("cove user grant alice", out)  # no right yet: it says how to give one
        names = [u["name"] for u in json.loads(c.command("user", "list", "--json"))]
        self.assertIn("alice", names)
        self.assertIn("alice", c.command("user", "list"))
        c.command("user", "add", "alice", stdin=b"alice-password\n", status=1)
        c.command("user", "add", "short", stdin=b"short\n", status=1)
        c.command("user", "add", "Bad Name", stdin=b"alice-password\n", status=2)
        # what fails leaves nothing behind, and a name that cannot be is said before a password is asked for
        for name, words in (("half", ["--robot", "--grant", "Team/**:pull"]), ("half", ["--grant", "a:pull", "--grant", "b:admin"]),
                            ("half", ["--robot", "--role", "nosuch"])):
            c.command("user", "add", name, *words, stdin=b"half-password\n", status=1 if "nosuch" in words else 2)
        c.command("role", "add", "half", "--grant", "a:pull", "--grant", "Team/**:pull", status=2)
        self.assertNotIn("half", c.command("user", "list") + c.command("role", "list"))
        self.assertIn("already", c.command("user", "add", "alice", status=1))
        self.assertIn("must begin with", c.command("user", "add", "Bad Name", status=2))
        self.assertIn("the user nosuch does not exist", c.command("user", "passwd", "nosuch", status=1))
        c.command("user", "grant", "alice", "team/**", "pull,push")
        client = c.client("repository:team/x:pull,push", user="alice", password="alice-password")
        self.assertEqual(client.request("POST", "/v2/team/x/blobs/uploads/").status, 202)
        c.command("user", "passwd", "alice", stdin=b"other-password\n")
        self.assertEqual(client.request("GET", "/v2/").status, 401)
        c.client(user="alice", password="other-password")
        c.command("user", "disable", "alice")
        r = Client(c).request("GET", "/v2/", headers={"Authorization": c.basic("alice", "other-password")})
        self.assertEqual(r.status, 401)
        c.command("user", "enable", "alice")
        c.client(user="alice", password="other-password")
        c.command("user", "remove", "alice")
        c.command("user", "remove", "alice", status=1)

    def test_usage(self):
        for args in (["nonsense"], ["user"], ["user", "nonsense"], ["serve", "--nonsense"]):
            r = subprocess.run([BINARY, *args], capture_output=True, timeout=60)
            self.assertEqual(r.returncode, 2, args)
            self.assertTrue(r.stderr)

    def test_options_belong_to_the_verb(self):
        """`--remove` of `user role` must not be read over by `user grant`, which would do the opposite."""
        c = self.cove
        for words in (["user", "grant", "admin", "x/**", "pull", "--remove"], ["user", "list", "--robot"], ["role", "list", "--grant", "x:pull"],
                      ["key", "list", "admin", "--label", "x"], ["namespace", "list", "--purge"], ["key", "revoke", "1", "--json"],
                      ["issuer", "keys", "x", "y", "--jwks", "z"], ["blob-store", "add", "x", "/", "--json"]):
            self.assertIn("usage: cove " + " ".join(words[:2]), c.command(*words, status=2))
        self.assertNotIn("x/**", c.command("user", "list"))
        self.assertIn("stdin", c.command("user", "add", "pat", "--password", "open-to-all-eyes", status=2))

    def test_help(self):
        def out(*words):
            return subprocess.run([BINARY, *words], capture_output=True, timeout=60, check=True).stdout

        for words in (["--help"], ["-h"]):
            self.assertEqual(out(*words), out("help"))
        for words in (["serve", "--help"], ["serve", "-h", "--listen", ":1"]):
            self.assertEqual(out(*words), out("help", "serve"))
        self.assertEqual(out("user", "add", "--help"), out("help", "user"))
        self.assertEqual(out("--version"), out("version"))
        for words in (["version", "x"], ["licenses", "x"], ["--nonsense"]):
            self.assertEqual(subprocess.run([BINARY, *words], capture_output=True, timeout=60).returncode, 2)
        text = subprocess.run([BINARY, "help"], capture_output=True, timeout=60).stdout.decode()
        for word in ("serve", "check", "user", "key", "licenses", "version", "help"):
            self.assertIn(word, text)
        licenses = subprocess.run([BINARY, "licenses"], capture_output=True, timeout=60).stdout.decode()
        for library in ("mbedtls", "libsodium", "sqlite", "cjson", "curl", "nettle", "libyaml"):
            self.assertIn(library, licenses.lower())
        self.assertRegex(subprocess.run([BINARY, "version"], capture_output=True, timeout=60).stdout.decode(), r"\d+\.\d+\.\d+")

    def check(self, yaml):
        path = os.path.join(self.cove.data, "x.yaml")
        with open(path, "w") as f:
            f.write(yaml)
        return subprocess.run([BINARY, "check", "--config", path, "--data", self.cove.data], capture_output=True, timeout=60)

    def test_check(self):
        self.assertEqual(self.check("log_level: debug\n").returncode, 0)
        r = self.check("log_level: info\nnonsense: 1\n")
        self.assertEqual(r.returncode, 1)
        self.assertIn(b"nonsense", r.stderr)
        self.assertIn(b"2", r.stderr)  # the line
        self.assertEqual(self.check("log_level: loud\n").returncode, 1)
        self.assertEqual(self.check("threads: -1\n").returncode, 1)
        self.assertEqual(self.check("log_level: [\n").returncode, 1)


class Life(unittest.TestCase):
    def test_drain(self):
        """SIGTERM lets an upload under way finish, takes no new connection, and ends with status 0."""
        cove = Cove().start()
        c = cove.client("repository:a:pull,push")
        location = c.request("POST", "/v2/a/blobs/uploads/")["Location"]
        data = os.urandom(400000)
        raw = Raw(cove)
        raw.send(f"PUT {add_digest(location, sha256(data))} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {c.auth}\r\n"
                 f"Content-Length: {len(data)}\r\n\r\n".encode() + data[:200000])
        time.sleep(0.5)
        cove.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        raw.send(data[200000:])
        r = raw.response()
        self.assertEqual((r.status, r["Connection"]), (201, "close"))
        self.assertEqual(cove.stop(), 0)
        cove.destroy()

    def test_second_signal(self):
        """Whoever says it twice does not wait for the transfers."""
        cove = Cove("--stop-grace", "1h").start()
        c = cove.client("repository:a:pull,push")
        location = c.request("POST", "/v2/a/blobs/uploads/")["Location"]
        raw = Raw(cove)
        raw.send(f"PUT {add_digest(location, sha256(b'x'))} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {c.auth}\r\n"
                 "Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n".encode())
        self.assertEqual(raw.response().status, 100)  # it is under way
        c.close()
        cove.process.send_signal(signal.SIGINT)
        eventually(lambda: "event=stop " in cove.read_log(), "it drains")
        self.assertIsNone(cove.process.poll())
        self.assertEqual(cove.stop(), 0)
        cove.destroy()

    def test_reload_of_own_certificate(self):
        cove = Cove().start()
        with tempfile.TemporaryDirectory() as d:
            pem, key = os.path.join(d, "c.pem"), os.path.join(d, "c.key")

            def make(name):
                subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                                "2", "-subj", "/CN=" + name, "-addext", "subjectAltName=IP:127.0.0.1,DNS:reg.example.test,DNS:*.wild.test", "-keyout", key, "-out", pem],
                               check=True, capture_output=True)

            def shown(server, cafile=pem):
                context = ssl.create_default_context(cafile=cafile)
                with socket.create_connection((server.host, server.port), timeout=20) as raw:
                    with context.wrap_socket(raw, server_hostname="127.0.0.1") as s:
                        return s.getpeercert()["subject"][0][0][1]

            make("first")
            own = Cove("--certificate", pem, "--certificate-key", key).start()
            self.assertEqual(shown(own), "first")
            make("second")
            own.process.send_signal(signal.SIGHUP)
            for _ in range(100):
                try:
                    if shown(own) == "second":
                        break
                except ssl.SSLError:
                    pass
                time.sleep(0.1)
            self.assertEqual(shown(own), "second")
            kept = os.path.join(d, "kept.pem")
            with open(pem) as f, open(kept, "w") as out:
                out.write(f.read())
            # the names of the certificate are ours: the realm is built on them
            raw = Raw(own, ssl.create_default_context(cafile=kept).wrap_socket(socket.create_connection((own.host, own.port)),
                                                                              server_hostname="127.0.0.1"))
            raw.send(b"GET /v2/ HTTP/1.1\r\nHost: reg.example.test\r\n\r\n")
            self.assertIn('realm="https://reg.example.test/token"', raw.response()["WWW-Authenticate"])
            raw.send(b"GET /v2/ HTTP/1.1\r\nHost: a.wild.test:99\r\n\r\n")
            self.assertIn('realm="https://a.wild.test:99/token"', raw.response()["WWW-Authenticate"])
            raw.close()
            os.truncate(pem, 10)  # a broken file must not end the service
            own.process.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            self.assertEqual(shown(own, kept), "second")
            self.assertEqual(own.stop(), 0)
        self.assertEqual(cove.stop(), 0)

    def test_parallel_clients(self):
        cove = Cove().start()
        failures = []

        def work(i):
            try:
                c = cove.client(f"repository:p/{i % 3}:pull,push")
                for n in range(6):
                    digest, data = c.push_image(f"p/{i % 3}", f"t{i}-{n}", [os.urandom(30000), b"shared layer"])
                    got = c.request("GET", f"/v2/p/{i % 3}/manifests/t{i}-{n}").body
                    if got != data:
                        failures.append((i, n))
            except Exception as e:
                failures.append((i, repr(e)))

        threads = [threading.Thread(target=work, args=(i,)) for i in range(12)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])
        self.assertEqual(cove.stop(), 0)


class Supervised(unittest.TestCase):
    def test_health(self):
        cove = Cove().start()
        c = Client(cove)
        self.assertEqual((c.request("GET", "/livez").body, c.request("GET", "/readyz").body), (b"ok\n", b"ok\n"))
        cove.command("user", "disable", "anonymous")
        self.assertEqual(c.request("GET", "/readyz").status, 200)
        self.assertEqual(cove.stop(), 0)

    def test_throttled(self):
        """The seconds that a person reads are those that a client waits (RFC 9110 §10.2.3)."""
        cove = Cove().start()
        c = Client(cove)
        for i in range(40):
            c.auth = cove.basic(password=f"wrong {i}")
            r = c.request("GET", "/v2/")
            if r.status == 429:
                break
            self.assertEqual(r.status, 401)
        self.assertEqual(r["Retry-After"], re.search(r"again in (\d+) second", r.message()).group(1))
        self.assertEqual(cove.stop(), 0)
