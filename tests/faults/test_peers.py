"""Peers that stall, vanish, or come in crowds: each costs itself and nobody else."""
import os, resource, socket, ssl, threading, time, unittest
from cove import Case, Client, Cove, Raw, add_digest, sha256


class Crowd(Case):
    def test_slow_senders_do_not_block(self):
        """200 uploads that send nothing, and 200 heads half sent: others are served, and pulls are whole."""
        c = self.cove.client("repository:a:pull,push")
        digest = c.push_blob("a", os.urandom(1 << 20))
        stalled = []
        for i in range(200):
            raw = Raw(self.cove)
            if i % 2:
                raw.send(b"GET /v2/ HTT")
            else:
                location = c.request("POST", "/v2/a/blobs/uploads/")["Location"]
                raw.send(f"PATCH {location} HTTP/1.1\r\nHost: x\r\nAuthorization: {c.auth}\r\nContent-Length: 1000000\r\n\r\nabc".encode())
            stalled.append(raw)
        for _ in range(20):
            self.assertEqual(Client(self.cove).request("GET", "/livez").status, 200)
            self.assertEqual(len(c.request("GET", f"/v2/a/blobs/{digest}").body), 1 << 20)
        for raw in stalled:
            raw.close()

    def test_slow_readers_do_not_block(self):
        c = self.cove.client("repository:a:pull,push")
        digest = c.push_blob("a", os.urandom(8 << 20))
        stalled = []
        for _ in range(50):
            raw = Raw(self.cove)
            raw.send(f"GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: x\r\nAuthorization: {c.auth}\r\n\r\n".encode())
            stalled.append(raw)
        for _ in range(10):
            self.assertEqual(len(c.request("GET", f"/v2/a/blobs/{digest}").body), 8 << 20)
        for raw in stalled:
            raw.close()

    def test_half_sent_head_is_timed_out(self):
        raw = Raw(self.cove, timeout=60)
        raw.send(b"GET /v2/ HTT")
        r = raw.response()
        self.assertEqual(r.status, 408)


class Guessers(Case):
    """A server of its own: afterwards this address is throttled."""

    def test_password_storm_does_not_stop_pulls(self):
        """Wrong passwords queue in their lane; requests with tokens go on."""
        c = self.cove.client("repository:a:pull,push")
        c.push_blob("a", b"x")
        statuses = []

        def guess():
            r = Client(self.cove).request("GET", "/token?service=cove", headers={"Authorization": self.cove.basic("nobody", "wrong-guess")})
            statuses.append(r.status)

        threads = [threading.Thread(target=guess) for _ in range(30)]
        for t in threads:
            t.start()
        for _ in range(50):
            self.assertEqual(c.request("GET", "/v2/a/blobs/" + sha256(b"x")).body, b"x")
        for t in threads:
            t.join()
        self.assertTrue(set(statuses) <= {401, 429, 503}, statuses)
        self.assertIn(401, statuses)


class Many(Case):
    def test_thousands_of_connections(self):
        """As many idle sockets as this process may open (10,000 wanted), some of them after TLS; then all at once gone."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        wanted = min(10000, hard - 200)
        self.assertGreater(wanted, 1000)
        sockets = []
        for _ in range(wanted):
            sockets.append(socket.create_connection((self.cove.host, self.cove.port), timeout=20))
        self.assertEqual(Client(self.cove).request("GET", "/livez").status, 200)
        print(f"[{wanted} idle sockets: RSS {self.cove.rss_kb()} KB] ", end="")
        for s in sockets:
            s.close()
        self.assertEqual(Client(self.cove).request("GET", "/livez").status, 200)

    def test_vanishing_peers(self):
        """Connections reset in every state."""
        c = self.cove.client("repository:a:pull,push")
        digest = c.push_blob("a", os.urandom(4 << 20))
        for i in range(120):
            s = socket.create_connection((self.cove.host, self.cove.port), timeout=20)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            if i % 4 == 1:
                s.sendall(b"\x16\x03\x01\x02\x00\x01")
            elif i % 4 > 1:
                s = ssl.create_default_context(cafile=self.cove.ca).wrap_socket(s, server_hostname="127.0.0.1")
                s.sendall(f"GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: x\r\nAuthorization: {c.auth}\r\n\r\n".encode())
                if i % 4 == 3:
                    s.recv(1000)
            s.close()
        self.assertEqual(len(c.request("GET", f"/v2/a/blobs/{digest}").body), 4 << 20)
