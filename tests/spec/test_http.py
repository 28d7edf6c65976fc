"""HTTP/1.1 at its edges: bad heads, smuggling, bodies that lie, slow and half-closed peers. RFC 9110, RFC 9112."""
import os, socket, ssl, time
from cove import Case, Client, Raw, add_digest, sha256

HOST = b"Host: 127.0.0.1\r\n"


class Heads(Case):
    def answer(self, data):
        raw = Raw(self.cove)
        raw.send(data)
        r = raw.response()
        closed = raw.closed() if r["Connection"] == "close" else False
        raw.close()
        return r, closed

    def refused(self, data, *statuses):
        r, closed = self.answer(data)
        self.assertIn(r.status, statuses, data[:200])
        self.assertTrue(closed, f"the connection must end after {data[:200]!r}")
        self.assertTrue(r.json()["errors"][0]["message"])
        self.assertEqual(r["Content-Type"], "application/json")

    def test_malformed(self):
        for data in (b"GET /v2/ HTTP/1.1\n" + HOST + b"\r\n",          # bare LF
                     b"GET /v2/ HTTP/1.1\r\n" + HOST + b"A: b\rc\r\n\r\n",  # bare CR
                     b"GET /v2/ HTTP/1.1\r\n" + HOST + b"A: b\r\n c\r\n\r\n",  # obs-fold
                     b"GET /v2/ HTTP/1.1\r\n" + HOST + b"A : b\r\n\r\n",   # space before the colon
                     b"GET /v2/ HTTP/1.1\r\n" + HOST + b": b\r\n\r\n",
                     b"GET /v2/ HTTP/1.1\r\n" + HOST + b"nocolon\r\n\r\n",
                     b"GET /v2/ HTTP/1.1\r\n" + HOST + b"A: \x00\r\n\r\n",
                     b"GET  /v2/ HTTP/1.1\r\n" + HOST + b"\r\n",
                     b"GET /v2/\r\n" + HOST + b"\r\n",
                     b"GET v2 HTTP/1.1\r\n" + HOST + b"\r\n",
                     b"GET /v2/ HTTP/1.1\r\n\r\n",                      # no Host
                     b"GET /v2/ HTTP/1.1\r\n" + HOST + HOST + b"\r\n",   # two
                     b"GET /v2/ HTTP/1.1\r\nHost: a b\r\n\r\n",
                     b"GET /v2/\x01 HTTP/1.1\r\n" + HOST + b"\r\n"):
            self.refused(data, 400)
        self.refused(b"GET /v2/ HTTP/2.0\r\n" + HOST + b"\r\n", 505)
        self.refused(b"GET /v2/ XTTP/1.1\r\n" + HOST + b"\r\n", 400, 505)

    def test_higher_minor_version(self):
        """RFC 9110 §2.5: "process the message as if it were in the highest minor version within that major version"."""
        for version in (b"1.2", b"1.9"):
            r, _ = self.answer(b"GET /livez HTTP/" + version + b"\r\n" + HOST + b"\r\n")
            self.assertEqual((r.status, r["Connection"]), (200, None), version)
            self.refused(b"GET /livez HTTP/" + version + b"\r\n\r\n", 400)  # as 1.1, also without a Host

    def test_the_refusal_of_a_head_arrives(self):
        """RFC 9112 §9.6: the answer is seen also by who goes on sending, and the end at once by who does not."""
        for head in (b"GET /v2/ HTTP/1.1\n", b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n", b"G" * 17000, b"GET /" + b"a" * 17000,
                     b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"b" * 17000):
            raw = Raw(self.cove)
            raw.send(head + b"x" * 1000000)
            r = raw.response()
            self.assertIn(r.status, (400, 414, 431, 501))
            self.assertTrue(raw.closed())
            raw.close()

    def test_smuggling(self):
        post = b"POST /v2/a/blobs/uploads/ HTTP/1.1\r\n" + HOST
        for fields, statuses in ((b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", (400,)),
                                 (b"Content-Length: 5\r\nContent-Length: 6\r\n", (400,)),
                                 (b"Content-Length: 5\r\nContent-Length: 5\r\n", (400,)),
                                 (b"Content-Length: 5, 5\r\n", (400,)),
                                 (b"Content-Length: +5\r\n", (400,)), (b"Content-Length: -1\r\n", (400,)),
                                 (b"Content-Length: 0x5\r\n", (400,)), (b"Content-Length: \r\n", (400,)),
                                 (b"Content-Length: 99999999999999999999\r\n", (400,)),
                                 (b"Transfer-Encoding: gzip, chunked\r\n", (501,)),
                                 # RFC 9112 §6.3: where chunked "is not the final encoding [...] the server MUST respond
                                 # with the 400 (Bad Request) status code and then close the connection"
                                 (b"Transfer-Encoding: chunked, gzip\r\n", (400,)),
                                 (b"Transfer-Encoding: gzip\r\n", (400,)), (b"Transfer-Encoding: \r\n", (400,)),
                                 (b"Transfer-Encoding: xchunked\r\n", (400,)),
                                 (b"Transfer-Encoding: chunked, chunked\r\n", (400,)),
                                 (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", (400,))):
            self.refused(post + fields + b"\r\n0\r\n\r\nGET / HTTP/1.1\r\n", *statuses)

    def test_sizes(self):
        # RFC 9112 §3: "MUST respond with a 414" to a long target, "SHOULD respond with a 501" to a long method
        self.refused(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414)
        self.refused(b"G" * 9000 + b" / HTTP/1.1\r\n" + HOST + b"\r\n", 501)
        self.refused(b"G" * 8000 + b" / HTTP/1.1\r\n" + HOST + b"\r\n", 501)
        self.refused(b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"b" * 20000 + b"\r\n\r\n", 431)
        self.refused(b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n" * 200 + b"\r\n", 431)

    def test_methods(self):
        for method in (b"BREW", b"CONNECT", b"TRACE"):
            r, _ = self.answer(method + b" /v2/ HTTP/1.1\r\n" + HOST + b"\r\n")
            self.assertIn(r.status, (400, 405, 501))
        r, _ = self.answer(b"DELETE /v2/ HTTP/1.1\r\n" + HOST + b"\r\n")
        self.assertEqual((r.status, r.code()), (405, "UNSUPPORTED"))
        self.assertIn("GET", r["Allow"])

    def test_absolute_form(self):
        """"A server MUST accept the absolute-form" (RFC 9112 §3.2.2)."""
        r, _ = self.answer(f"GET https://127.0.0.1:{self.cove.port}/livez HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        self.assertEqual(r.status, 200)

    def test_unknown_path(self):
        for path in (b"/v3/", b"/v2/x", b"/../etc/passwd", b"/v2/..%2f..%2fetc", b"/%00", b"/v2/a/blobs/", b"//"):
            r, _ = self.answer(b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n")
            self.assertIn(r.status, (400, 401, 404), path)
            self.assertTrue(r.json()["errors"])

    def test_http_1_0(self):
        r, closed = self.answer(b"GET /livez HTTP/1.0\r\n\r\n")
        self.assertEqual((r.status, closed), (200, True))

    def test_pipeline_and_drip(self):
        raw = Raw(self.cove)
        one = b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n"
        raw.send(one * 20)
        for _ in range(20):
            self.assertEqual(raw.response().status, 200)
        for i in range(len(one)):
            raw.send(one[i:i + 1])
        self.assertEqual(raw.response().body, b"ok\n")

    def test_leading_empty_line(self):
        r, _ = self.answer(b"\r\nGET /livez HTTP/1.1\r\n" + HOST + b"\r\n")
        self.assertEqual(r.status, 200)

    def test_half_close(self):
        """A peer that closes its sending side after the request still gets its answer."""
        raw = Raw(self.cove)
        raw.send(b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n")
        raw.sock.shutdown(socket.SHUT_WR)
        data = b""
        try:
            raw.sock = raw.sock  # the plain read below is of TLS records: any answer, or an orderly end, but no hang
            data = raw.sock.recv(1)
        except (OSError, ssl.SSLError):
            pass
        self.assertIsNotNone(data)


class Bodies(Case):
    def setUp(self):
        self.c = self.cove.client("repository:a:pull,push")

    def session(self):
        return self.c.request("POST", "/v2/a/blobs/uploads/")["Location"]

    def raw_patch(self, fields, body):
        raw = Raw(self.cove)
        raw.send(f"PATCH {self.session()} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {self.c.auth}\r\n{fields}\r\n".encode() + body)
        return raw

    def test_bad_chunks(self):
        for body in (b"x\r\n", b"5\nhello\r\n", b"5\r\nhelloX\r\n", b"-5\r\n", b"ffffffffffffffffff\r\n", b"5;" + b"e" * 20000,
                     b"0\r\n" + b"T: x\r\n" * 5000):
            r = self.raw_patch("Transfer-Encoding: chunked\r\n", body).response()
            self.assertIn(r.status, (400, 431), body[:30])

    def test_the_refusal_of_a_chunk_arrives(self):
        """A trailer of 70 KB, or garbage, with more behind it: the 400 is seen, not a reset (RFC 9112 §9.6)."""
        for body in (b"0\r\n" + b"T: " + b"x" * 70000 + b"\r\n\r\n", b"0\r\n" + b"T: x\r\n" * 200000, b"zz\r\n" + b"g" * 3000000):
            raw = self.raw_patch("Transfer-Encoding: chunked\r\n", body)
            r = raw.response()
            self.assertEqual((r.status, r["Connection"]), (400, "close"), body[:10])
            self.assertTrue(raw.closed())
            raw.close()

    def test_chunk_extensions_and_trailers(self):
        r = self.raw_patch("Transfer-Encoding: chunked\r\n", b"5;a=b\r\nhello\r\n0\r\nTrailer: x\r\n\r\n").response()
        self.assertEqual((r.status, r["Range"]), (202, "0-4"))

    def test_refused_upload_is_read_off(self):
        """A large body without a right: the answer arrives, not a reset (docs/clients.md, Pushes 5)."""
        c = Client(self.cove)
        data = os.urandom(2 << 20)
        r = c.request("PUT", "/v2/a/blobs/uploads/x?digest=" + sha256(data), data)
        self.assertEqual(r.status, 401)

    def test_body_on_get(self):
        r = self.c.request("GET", "/livez", b"ignored body")
        self.assertEqual(r.status, 200)
        self.assertEqual(self.c.request("GET", "/livez").status, 200)

    def test_large_form_refused(self):
        r = Client(self.cove).request("POST", "/token", b"a" * (1 << 20), {"Content-Type": "application/x-www-form-urlencoded"})
        self.assertEqual(r.status, 413)

    def test_bad_content_range(self):
        for bad in ("x", "1", "5-1", "-", "0-", "bytes"):
            r = self.c.request("PATCH", self.session(), b"ab", {"Content-Range": bad})
            self.assertIn((r.status, r.code()), ((400, "BLOB_UPLOAD_INVALID"), (416, "BLOB_UPLOAD_INVALID")), bad)
        r = self.c.request("PATCH", self.session(), b"ab", {"Content-Range": "0-9"})
        self.assertEqual(r.status, 400)


class Plain(Case):
    def plain(self, data):
        s = socket.create_connection((self.cove.host, self.cove.port), timeout=20)
        s.sendall(data)
        raw = Raw(self.cove, s)
        r = raw.response()
        raw.close()
        return r

    def test_ca(self):
        with open(self.cove.ca, "rb") as f:
            ca = f.read()
        self.assertEqual(self.plain(b"GET /ca.crt HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").body, ca)
        self.assertEqual(Client(self.cove).request("GET", "/ca.crt").body, ca)

    def test_browser_is_sent_on(self):
        r = self.plain(f"GET /x?y HTTP/1.1\r\nHost: 127.0.0.1:{self.cove.port}\r\nAccept: text/html,*/*\r\n\r\n".encode())
        self.assertIn(r.status, (301, 302, 307, 308))
        self.assertEqual(r["Location"], f"https://127.0.0.1:{self.cove.port}/x?y")

    def test_api_is_refused(self):
        """crane's plain probe must neither hang nor find an API (docs/clients.md, Names)."""
        for target in (b"/v2/", b"/token", b"/livez"):
            r = self.plain(b"GET " + target + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            self.assertEqual((r.status, r["Connection"]), (400, "close"))
            self.assertIn("https", r.message())

    def test_noise(self):
        for noise in (b"\x00" * 100, b"\xff" * 100, b"SSH-2.0-x\r\n\r\n", b"\x16\x03\x01", b"\x16" * 3000, b"\x80\x2e\x01"):
            s = socket.create_connection((self.cove.host, self.cove.port), timeout=20)
            s.sendall(noise)
            s.close()
        self.assertEqual(Client(self.cove).request("GET", "/livez").status, 200)


class Tls(Case):
    def versions(self, **settings):
        s = self.cove.tls(**settings)
        found = s.version(), s.cipher()[0]
        s.close()
        return found

    def test_versions(self):
        v = ssl.TLSVersion
        self.assertEqual(self.versions()[0], "TLSv1.3")
        self.assertEqual(self.versions(maximum_version=v.TLSv1_2)[0], "TLSv1.2")
        with self.assertRaises((ssl.SSLError, OSError)):
            self.versions(minimum_version=v.TLSv1_1, maximum_version=v.TLSv1_1)

    def test_resumption(self):
        context = ssl.create_default_context(cafile=self.cove.ca)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context.minimum_version = context.maximum_version = version
            session = None
            for again in (False, True):
                raw = socket.create_connection((self.cove.host, self.cove.port), timeout=20)
                s = context.wrap_socket(raw, server_hostname="127.0.0.1", session=session)
                s.sendall(b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n")
                self.assertIn(b"200", s.recv(4096))
                self.assertEqual(s.session_reused, again, version)
                session = s.session
                s.close()

    def test_alpn(self):
        context = ssl.create_default_context(cafile=self.cove.ca)
        context.set_alpn_protocols(["h2", "http/1.1"])
        raw = socket.create_connection((self.cove.host, self.cove.port), timeout=20)
        s = context.wrap_socket(raw, server_hostname="127.0.0.1")
        self.assertEqual(s.selected_alpn_protocol(), "http/1.1")
        s.close()

    def test_names(self):
        for name in ("localhost", "127.0.0.1", socket.gethostname().lower()):
            raw = socket.create_connection((self.cove.host, self.cove.port), timeout=20)
            ssl.create_default_context(cafile=self.cove.ca).wrap_socket(raw, server_hostname=name).close()
        raw = socket.create_connection((self.cove.host, self.cove.port), timeout=20)
        with self.assertRaises(ssl.SSLCertVerificationError):
            ssl.create_default_context(cafile=self.cove.ca).wrap_socket(raw, server_hostname="evil.example")
