"""Blobs of upstreams that do not say everything, or not at once."""
import contextlib, os
from cove import Raw, eventually, sha256
from proxied import Proxied


class GetDecides(Proxied):
    """HEAD that is not answered with 200: Harbor's proxy cache says 404 to it until it has the blob."""
    attributes = ("fresh=0s", "negative=1h")

    def test_whatever_head_says(self):
        for status in (400, 401, 403, 404, 405, 500, 502, 503):
            with self.subTest(status=status):
                data = os.urandom(3000 + status)
                for name in ("a", "b", "c"):
                    self.up.add_blob(name, data)
                self.up.settle()
                self.up.behave(kind="blob", method="HEAD", status=status)
                r = self.get("blobs/" + sha256(data), method="HEAD")
                self.assertEqual((r.status, r["Content-Length"]), (200, str(len(data))))
                for name in ("a", "b", "c"):  # of which the namespace has it already, from the second on
                    self.assertEqual(self.blob(data, "m/" + name).body, data)

    def test_absence_is_what_get_says(self):
        data = os.urandom(3000)
        self.up.add_blob("a", data)
        self.assertEqual(self.blob(data).body, data)
        self.up.forget()
        for method in ("HEAD", "GET", "HEAD", "GET"):
            self.assertEqual(self.get("blobs/" + sha256(data), "m/none", method).status, 404)
        self.assertEqual((self.up.count(method="HEAD"), self.up.count(method="GET")), (2, 1))  # and then it is remembered


class Early(Proxied):
    """What has come from the upstream is with who asks for it, but for the last byte, which waits for the proof."""
    attributes = ("fresh=0s", "negative=0s")

    def ask(self, data, name="m/a", version="1.1", **fields):
        raw = Raw(self.cove)
        self.addCleanup(raw.close)
        fields = {"Host": f"{self.cove.host}:{self.cove.port}", "Authorization": f"Bearer {self.cove.token(f'repository:{name}:pull')}",
                  **fields}
        raw.send((f"GET /v2/{name}/blobs/{sha256(data)} HTTP/{version}\r\n" +
                  "".join(f"{k}: {v}\r\n" for k, v in fields.items()) + "\r\n").encode())
        return raw

    def head_and(self, raw, n):
        """The head, and how much of the body comes until there are n bytes of it."""
        while b"\r\n\r\n" not in raw.pending or len(raw.pending.partition(b"\r\n\r\n")[2]) < n:
            raw._more()
        return raw.pending.partition(b"\r\n\r\n")[0].decode().lower()

    def new(self, n=1000000, named=True):
        data = os.urandom(n)
        if named:
            self.up.add_image("a", "v1", [data])
            self.assertEqual(self.get("manifests/v1").status, 200)
        else:
            self.up.add_blob("a", data)
        self.up.settle()
        return data

    def test_without_a_length(self):
        for named in (True, False):
            with self.subTest(named=named):
                data = self.new(named=named)
                self.up.behave(kind="blob", no_length=True, hold_after=500000)
                raw = self.ask(data)
                head = self.head_and(raw, 400000)  # while the upstream still holds the rest back
                self.assertIn(f"content-length: {len(data)}" if named else "transfer-encoding: chunked", head)
                others = [self.ask(data) for _ in range(3)]
                [self.head_and(o, 400000) for o in others]
                self.up.release()
                for r in (raw, *others):
                    r = r.response()
                    self.assertEqual((r.status, r["Docker-Content-Digest"], r.body), (200, sha256(data), data))
                r = self.blob(data)
                self.assertEqual((r["Content-Length"], r.body), (str(len(data)), data))
                self.assertEqual(self.up.count(kind="blob", method="GET", reference=sha256(data)), 1)

    def test_small_ones(self):
        for n in (0, 1, 2, 131072, 131072 - 32, 300001):
            with self.subTest(n=n):
                data = self.new(n, named=False)
                self.up.behave(kind="blob", no_length=True)
                c = self.client()
                for _ in range(2):  # over one connection, which goes on behind the last chunk
                    self.assertEqual(c.request("GET", f"/v2/m/a/blobs/{sha256(data)}").body, data)

    def test_who_needs_the_length_waits_for_it(self):
        for version, fields, status in (("1.1", {"Range": "bytes=10-19"}, 206), ("1.0", {}, 200)):
            with self.subTest(version=version, **fields):
                data = self.new(named=False)
                self.up.behave(kind="blob", no_length=True, hold_after=500000)
                raw = self.ask(data, version=version, **fields)
                eventually(lambda: self.up.count(kind="blob", method="GET", reference=sha256(data)), "it is fetched")
                self.up.release()
                r = raw.response()
                self.assertEqual((r.status, r.body), (status, data[10:20] if fields else data))
        data = self.new(named=False)
        self.up.behave(kind="blob", no_length=True)
        r = self.get("blobs/" + sha256(data), method="HEAD")
        self.assertEqual((r.status, r["Content-Length"]), (200, str(len(data))))
        data = self.new()
        self.up.forget()
        self.up.behave(kind="blob", no_length=True)
        r = self.get("blobs/" + sha256(data), method="HEAD")  # the manifest says it
        self.assertEqual((r["Content-Length"], self.up.count(kind="blob", method="GET")), (str(len(data)), 0))

    def test_drops_without_a_length(self):
        data = self.new(named=False)
        self.up.behave(kind="blob", no_length=True)
        for at in (400000, 200000):
            self.up.behave(kind="blob", no_length=True, drop_after=at, times=1)
        self.assertEqual(self.blob(data).body, data)

    def test_drop_after_the_last_byte(self):
        """Only the end of the chunks is missing: the range behind the last byte is 416, and the digest says that all is here."""
        data = self.new(named=False)
        self.up.behave(kind="blob", no_length=True)
        self.up.behave(kind="blob", no_length=True, drop_after=len(data), times=1)
        self.assertEqual(self.blob(data).body, data)
        self.assertEqual(self.up.count(kind="blob", method="GET"), 2)

    def test_other_bytes_are_never_whole(self):
        for more in ({"no_length": True}, {}):
            for named in (True, False):
                with self.subTest(named=named, **more):
                    data = self.new(named=named)
                    self.up.behave(kind="blob", corrupt=True, **more)
                    raw = self.ask(data)
                    # either the failure comes before the head of the answer, or the connection ends within the body
                    with contextlib.suppress(ConnectionError):
                        while not raw.pending.startswith(b"HTTP/1.1 502 "):
                            raw._more()
                    self.assertRegex(raw.pending[:13], b"HTTP/1.1 (200|502) ")
                    body = raw.pending.partition(b"\r\n\r\n")[2]
                    self.assertNotIn(b"\r\n0\r\n\r\n", body[-20:])
                    if not more:
                        self.assertLess(len(body), len(data))


class WhatDoesNotFit(Early):
    """Nothing is passed on of an answer that cannot be the blob, unless its digest proves that it is."""
    attributes = ("fresh=0s", "negative=0s", "cache_limit=10MiB")
    test_without_a_length = test_small_ones = test_who_needs_the_length_waits_for_it = test_drops_without_a_length = None
    test_drop_after_the_last_byte = None
    test_other_bytes_are_never_whole = None

    def refused(self, data, text=""):
        r = self.blob(data)
        self.assertEqual(r.status, 502, r.body[:100])
        self.assertIn(text, r.message())

    def left_over(self):
        """Bytes in upload sessions."""
        folder = self.cove.data + "/uploads"
        return sum(os.stat(f"{folder}/{f}").st_blocks * 512 for f in os.listdir(folder))

    def test_type(self):
        for kind in ("text/html; charset=utf-8", "TEXT/plain", "application/json", "image/png"):
            with self.subTest(kind=kind):
                page = b"<html>secret</html>" * 10000
                data = self.new(len(page))
                self.up.behave(kind="blob", status=200, fields={"Content-Type": kind}, body=page.decode())
                self.refused(data)
                data = page + str(kind).encode()  # but who says the truth may call it what he likes
                self.up.add_blob("a", data)
                self.up.behave(kind="blob", status=200, fields={"Content-Type": kind}, body=data.decode())
                self.assertEqual(self.blob(data).body, data)

    def test_length(self):
        for n in (999, 1001, 5000000):
            with self.subTest(n=n):
                data = self.new(1000)
                self.up.behave(kind="blob", status=200, fields={"Content-Type": "application/octet-stream"}, body="x" * n)
                self.refused(data)

    def test_status(self):
        data = self.new(100000)
        for status in (203, 204, 300, 402, 500):
            with self.subTest(status=status):
                self.cove.command("namespace", "change", "m", f"negative={status}s")
                self.up.settle()
                self.up.behave(kind="blob", status=status, body="secret" * 10000)
                self.refused(data, str(status))

    def test_without_end(self):
        """Whoever tells no length sends no more than the manifest says, or than the cache takes."""
        before = self.up.bytes_sent
        for named, most in ((True, 1000), (False, 11 << 20)):
            data = self.new(1000, named)
            self.up.behave(kind="blob", status=200, no_length=True, body="x" * 40000000)
            raw = self.ask(data)
            with contextlib.suppress(ConnectionError):  # what fits may have been passed on
                self.assertEqual(raw.response().status, 502)
            self.assertLess(len(raw.pending.rpartition(b"\r\n\r\n")[2]), most)
        self.assertLess(self.up.bytes_sent - before, 40000000)
        self.assertIn("pull it by its manifest", self.cove.read_log())
        eventually(lambda: self.left_over() == 0, "nothing is left of it")

    def test_an_error_without_end(self):
        data = self.new(1000)
        for status in (404, 500, 401, 307):
            with self.subTest(status=status):
                self.cove.command("namespace", "change", "m", f"negative={status}s")
                self.up.settle(), self.up.forget()
                self.up.behave(kind="blob", status=status, no_length=True, hold_after=200000, body="x" * 300000,
                               fields={"Location": "/v2/a/none"} if status == 307 else {})
                r = self.blob(data)  # while it still holds the rest back
                self.assertEqual(r.status, {404: 404, 500: 502, 401: 403, 307: 404}[status])
