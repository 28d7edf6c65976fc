"""kill -9 at any moment: the next start needs no repair, what was acknowledged is complete, sessions resume."""
import os, random, threading, time, unittest
from cove import Cove, Raw, add_digest, eventually, sha256


class Kill(unittest.TestCase):
    def pusher(self, cove, number, acknowledged, stop):
        """Pushes images until the server dies; notes each one only after its manifest's 201."""
        rng = random.Random(number)
        name = f"kill/{number}"
        try:
            c = cove.client(f"repository:{name}:pull,push")
            for i in range(1000):
                layer = rng.randbytes(rng.randrange(1, 300000))
                digest, data = c.push_image(name, f"t{i}", [layer])
                acknowledged.append((name, f"t{i}", digest, data, sha256(layer), layer))
                if stop.is_set():
                    return
        except (ConnectionError, OSError, AssertionError):
            pass

    def test_kill_during_pushes(self):
        cove = Cove().start()
        password, everything = cove.password, []
        for round_number in range(6):
            acknowledged, stop = [], threading.Event()
            threads = [threading.Thread(target=self.pusher, args=(cove, round_number * 10 + n, acknowledged, stop)) for n in range(4)]
            for t in threads:
                t.start()
            time.sleep(random.uniform(0.2, 1.5))
            cove.kill()
            stop.set()
            for t in threads:
                t.join()
            everything += acknowledged
            cove.start()
            cove.password = password
            c = cove.client(*{f"repository:{a[0]}:pull" for a in everything})
            for name, tag, digest, data, layer_digest, layer in everything:
                r = c.request("GET", f"/v2/{name}/manifests/{tag}")
                self.assertEqual((r.status, r.body), (200, data))
                r = c.request("GET", f"/v2/{name}/blobs/{layer_digest}")
                self.assertEqual((r.status, r.body), (200, layer))
        self.assertGreater(len(everything), 0)
        self.assertEqual(cove.stop(), 0)

    def test_session_resumes(self):
        cove = Cove().start()
        password = cove.password
        c = cove.client("repository:a:pull,push")
        data = os.urandom(3 << 20)
        location = c.request("POST", "/v2/a/blobs/uploads/")["Location"]
        r = c.request("PATCH", location, data[:2 << 20])
        self.assertEqual(r.status, 202)
        cove.kill()
        cove.start()
        cove.password = password
        c = cove.client("repository:a:pull,push")
        r = c.request("GET", location)
        self.assertEqual((r.status, r["Range"]), (204, f"0-{(2 << 20) - 1}"))
        r = c.request("PUT", add_digest(location, sha256(data)), data[2 << 20:])
        self.assertEqual(r.status, 201, r.body)
        self.assertEqual(c.request("GET", r["Location"]).body, data)
        self.assertEqual(cove.stop(), 0)

    def test_nothing_is_left_over(self):
        """Cancelled, refused and committed uploads leave no partial file and no open descriptor."""
        cove = Cove().start()
        c = cove.client("repository:a:pull,push")
        fds = lambda: len(os.listdir(f"/proc/{cove.process.pid}/fd"))
        uploads = lambda: [f for _, _, files in os.walk(os.path.join(cove.data, "uploads")) for f in files]
        c.push_image("a", "warm", [b"warm"])
        before = fds()
        for i in range(50):
            location = c.request("POST", "/v2/a/blobs/uploads/")["Location"]
            c.request("PATCH", location, b"x" * 1000)
            if i % 3 == 0:
                c.request("DELETE", location)
            elif i % 3 == 1:
                c.request("PUT", add_digest(location, sha256(b"wrong")))
            else:
                c.request("PUT", add_digest(location, sha256(b"x" * 1000)))
        # a blob in a POST that breaks off: nobody knows the session, so nobody could go on with it
        for rest in (b"", b"10000\r\nnot so much"):
            raw = Raw(cove)
            framing = "Transfer-Encoding: chunked" if rest else "Content-Length: 5000000"
            raw.send((f"POST /v2/a/blobs/uploads/?digest={sha256(b'')} HTTP/1.1\r\nHost: {cove.host}:{cove.port}\r\n"
                      f"Authorization: {c.auth}\r\n{framing}\r\n\r\n").encode() + (rest or b"x" * 1000000))
            eventually(uploads, "the upload's file")
            raw.close()
            eventually(lambda: not uploads(), "its end")
        self.assertEqual(uploads(), [])
        self.assertLessEqual(fds(), before + 8)  # a database connection per thread may have been opened since
        self.assertEqual(cove.stop(), 0)
