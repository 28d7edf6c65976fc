"""Floods by who has no credentials, from one address and from many: whoever pulls meanwhile does not notice. Each test
counts the honest pulls that fail. The limits are small, so that few sockets do what thousands do elsewhere."""
import os, socket, ssl, subprocess, threading, time
from cove import Case, Client, Raw, sha256

MAX = 200  # connections; less than the flood has
TLS_MAX = 100
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(20)  # 31 bytes of 517
PULLS = 30


class Flood:
    """Keeps `count` sockets open, from the addresses in turn; the oldest is renewed all the time. kind(socket) makes one."""

    def __init__(self, cove, kind, addresses, count=MAX + 100):
        self.cove, self.kind, self.addresses, self.count = cove, kind, addresses, count
        self.sockets, self.made, self.stopped = [], 0, False
        self.thread = threading.Thread(target=self.run)

    def connect(self):
        s = socket.socket()
        s.settimeout(5)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.bind((self.addresses[self.made % len(self.addresses)], 0))
        s.connect((self.cove.host, self.cove.port))
        return s

    def run(self):
        while not self.stopped:
            s = None
            try:
                s = self.connect()
                self.sockets.append(self.kind(s))
            except OSError:  # refused, or sent away at once: as it should be
                if s:
                    s.close()
            self.made += 1
            if len(self.sockets) > self.count:
                self.sockets.pop(0).close()
                time.sleep(0.02)

    def __enter__(self):
        self.thread.start()
        end = time.monotonic() + 300
        while self.made < self.count:  # some may have been refused
            assert time.monotonic() < end and self.thread.is_alive()
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self.stopped = True
        self.thread.join()
        for s in self.sockets:
            s.close()


ONE = ["127.0.0.2"]
MANY = [f"127.0.3.{i}" for i in range(1, 251)]


class Floods(Case):
    flags = ("--max-connections", str(MAX), "--tls-memory", f"{TLS_MAX * 44}KiB", "--threads", "8")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cove.command("user", "role", "anonymous", "reader")
        c = cls.cove.client("repository:a:pull,push")
        cls.auth = c.auth
        cls.large = c.push_blob("a", os.urandom(8 << 20))
        cls.small = os.urandom(100000)
        c.push_blob("a", cls.small)
        cls.upload = c.request("POST", "/v2/a/blobs/uploads/")["Location"]

    def pulls(self):
        """How many of the honest pulls fail: half on new connections, half on one that is kept, as clients do."""
        failed = []
        kept = Client(self.cove)
        for i in range(PULLS):
            client = kept if i % 2 else Client(self.cove)
            try:
                raw = client.raw = client.raw or Raw(self.cove, timeout=30)
                raw.send(f"GET /v2/a/blobs/{sha256(self.small)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                if raw.response().body != self.small:
                    failed.append("wrong bytes")
            except (OSError, ConnectionError) as e:
                failed.append(repr(e))
                client.close()
            if client is not kept:
                client.close()
        kept.close()
        return failed

    def assert_unnoticed(self, kind, addresses=ONE, count=MAX + 100):
        with Flood(self.cove, kind, addresses, count):
            failed = self.pulls()
        self.assertEqual(failed, [], f"{len(failed)} of {PULLS} honest pulls failed")

    # ---- kinds ----

    def tls(self, s, version=None):
        context = ssl.create_default_context(cafile=self.cove.ca)
        if version:
            context.maximum_version = version
        return context.wrap_socket(s, server_hostname=self.cove.host)

    def half_hello(self, s):
        s.sendall(HELLO)
        return s

    def stalled(self, s):
        """The whole ClientHello, and nothing after the ServerHello."""
        there = ssl.MemoryBIO()
        try:
            ssl.create_default_context(cafile=self.cove.ca).wrap_bio(ssl.MemoryBIO(), there, server_hostname="x").do_handshake()
        except ssl.SSLWantReadError:
            s.sendall(there.read())
        return s

    def slow_head(self, s):
        s = self.tls(s)
        s.sendall(b"GET /v2/ HTTP/1.1\r\nHost:")
        return s

    def slow_plain_head(self, s):
        s.sendall(b"GET / HTTP/1.1\r\nHost:")
        return s

    def idle(self, s):
        return self.tls(s)

    def slow_body(self, s):
        """Refused, but read off: the connection would be kept."""
        s = self.tls(s)
        s.sendall(b"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\nabc")
        return s

    def refused_body(self, s):
        """Refused, and so long that it is not read to its end."""
        s = self.tls(s)
        s.sendall(b"PUT /v2/a/manifests/x HTTP/1.1\r\nHost: x\r\nContent-Length: 90000000\r\n\r\nabc")
        return s

    def slow_upload(self, s):
        """By who may push."""
        s = self.tls(s)
        s.sendall(f"PATCH {self.upload} HTTP/1.1\r\nHost: x\r\nAuthorization: {self.auth}\r\nContent-Length: 1000000\r\n\r\nabc".encode())
        return s

    def slow_reader(self, s):
        s = self.tls(s)
        s.sendall(f"GET /v2/a/blobs/{self.large} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return s

    # ---- one address ----

    def test_half_hellos(self):
        self.assert_unnoticed(self.half_hello)

    def test_half_hellos_of_other_shapes(self):
        """Cut in a record's header, in the message's, behind the first of two records; and never whole."""
        for beginning in (b"\x16", b"\x16\x03\x01", HELLO[:7], b"\x16\x03\x01\x00\x06" + HELLO[5:11],
                          b"\x16\x03\x01\x00\x01\x01\x16\x03\x01\x00\x01\x00" * 2, b"\x16\x03\x01\x40\x00\x01\xff\xff\xff" + bytes(16379)):
            with self.subTest(beginning[:12]):
                self.assert_unnoticed(lambda s: s.sendall(beginning) or s)

    def test_silence(self):
        self.assert_unnoticed(lambda s: s)

    def test_stalled_handshakes(self):
        self.assert_unnoticed(self.stalled)

    def test_slow_heads(self):
        self.assert_unnoticed(self.slow_head)

    def test_slow_heads_in_plain(self):
        self.assert_unnoticed(self.slow_plain_head)

    def test_idle_sessions(self):
        self.assert_unnoticed(self.idle)

    def test_slow_bodies(self):
        self.assert_unnoticed(self.slow_body)

    def test_refused_bodies(self):
        self.assert_unnoticed(self.refused_body)

    def test_slow_uploads(self):
        self.assert_unnoticed(self.slow_upload)

    def test_slow_readers(self):
        self.assert_unnoticed(self.slow_reader)

    def test_all_at_once(self):
        kinds = [self.half_hello, lambda s: s, self.stalled, self.slow_head, self.idle, self.slow_body, self.slow_reader]
        turn = iter(range(1 << 30))
        self.assert_unnoticed(lambda s: kinds[next(turn) % len(kinds)](s))

    # ---- many addresses, each within its share ----

    def test_from_many_addresses(self):
        for kind in (self.half_hello, lambda s: s, self.stalled, self.slow_head, self.idle, self.slow_body, self.refused_body):
            with self.subTest(kind):
                self.assert_unnoticed(kind, MANY)

    def test_behind_the_same_address(self):
        """Who shares the address of a flood (a NAT, a proxy) gets on as well, as long as the flood is given none."""
        for kind in (self.half_hello, lambda s: s, self.stalled, self.slow_head, self.idle, self.slow_body, self.refused_body):
            with self.subTest(kind):
                self.assert_unnoticed(kind, ["127.0.0.1"])

    # ---- what must not suffer ----

    def test_transfers_of_others_go_on(self):
        """A slow but honest reader of another address keeps his transfer through all of it."""
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.bind(("127.0.0.9", 0))
        s.connect((self.cove.host, self.cove.port))
        raw = Raw(self.cove, self.tls(s))
        raw.send(f"GET /v2/a/blobs/{self.large} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        for kind in (self.half_hello, self.slow_reader, self.slow_body):
            self.assert_unnoticed(kind)
        self.assertEqual(len(raw.response().body), 8 << 20)
        raw.close()

    def test_renegotiation(self):
        """TLS 1.2 clients that ask for a new handshake again and again are told no, and cost others nothing."""
        clients = [subprocess.Popen(["openssl", "s_client", "-connect", f"{self.cove.host}:{self.cove.port}", "-tls1_2", "-quiet"],
                                    stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(8)]
        stopped = []

        def ask(client):
            try:
                while not stopped:
                    client.stdin.write(b"R\n")
                    client.stdin.flush()
                    time.sleep(0.001)
            except OSError:
                pass

        threads = [threading.Thread(target=ask, args=(c,)) for c in clients]
        for t in threads:
            t.start()
        failed = self.pulls()
        stopped.append(True)
        for t in threads:
            t.join()
        for c in clients:
            c.kill()
            c.communicate()
        self.assertEqual(failed, [])



class Passwords(Case):
    """Wrong passwords, each of which costs an Argon2, from more addresses than can be served: honest logins go on."""
    LOGINS = 6

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for i in range(cls.LOGINS):
            cls.cove.command("user", "add", f"user{i}", stdin=b"first-password\n")

    def try_a_password(self, s):
        s = ssl.create_default_context(cafile=self.cove.ca).wrap_socket(s, server_hostname=self.cove.host)
        basic = self.cove.basic(f"nobody{os.urandom(4).hex()}", "wrong-password")
        s.sendall(f"GET /v2/ HTTP/1.1\r\nHost: x\r\nAuthorization: {basic}\r\n\r\n".encode())
        return s

    def login(self, user, password):
        r = Client(self.cove).request("GET", "/v2/", headers={"Authorization": self.cove.basic(user, password)})
        return r.status

    def test_crowds_of_one_prefix(self):
        """All of a /24 wait behind one another; who comes from elsewhere, for the first time, does not."""
        with Flood(self.cove, self.try_a_password, MANY):
            answers = [self.login(f"user{i}", "first-password") for i in range(self.LOGINS)]
        self.assertEqual(answers, [200] * self.LOGINS)

    def test_many_networks(self):
        """As many networks as a large botnet has: who was right before, from here, still gets in, also by a new password."""
        everywhere = [f"127.{i}.{k}.1" for i in range(10, 40) for k in range(40)]
        self.assertEqual(self.login("user0", "first-password"), 200)
        answers = []
        with Flood(self.cove, self.try_a_password, everywhere):
            for i in range(self.LOGINS):
                self.cove.command("user", "passwd", "user0", stdin=f"password-{i}\n".encode())
                answers.append(self.login("user0", f"password-{i}"))
        self.cove.command("user", "passwd", "user0", stdin=b"first-password\n")
        self.assertEqual(answers, [200] * self.LOGINS)
