"""A proxy namespace in front of an upstream that misbehaves: what the disk can answer is served, the rest fails with a sentence."""
import base64, contextlib, http.client, json, os, re, sqlite3, subprocess, tempfile, threading, time, unittest
from cove import Case, Client, Cove, Listener, Raw, eventually, free_port, sha256
from proxied import Proxied
from upstream import TOO_MANY, Upstream


class Failures(Proxied):
    attributes = ("fresh=0s", "negative=1h", "patience=1s")

    def test_a_tag_is_looked_at_by_head_and_fetched_on_change(self):
        _, first = self.up.add_image("a", "v1", [b"first"])
        self.assertEqual(self.get("manifests/v1").body, first)
        self.up.forget()
        self.assertEqual(self.get("manifests/v1").body, first)
        self.assertEqual((self.up.count(kind="manifest", method="HEAD"), self.up.count(kind="manifest", method="GET")), (1, 0))
        _, second = self.up.add_image("a", "v1", [b"second"])
        self.assertEqual(self.get("manifests/v1").body, second)
        self.assertEqual(self.up.count(kind="manifest", method="GET"), 1)

    def test_only_the_platform_that_is_asked_for(self):
        images = [(*self.up.add_image("a", None, [a.encode()], a), a) for a in ("amd64", "arm64", "arm")]
        _, index = self.up.add_index("a", "multi", images)
        self.assertEqual(self.get("manifests/multi").body, index)
        self.assertEqual(self.get("manifests/" + images[1][0]).body, images[1][1])
        self.assertEqual(self.up.count(kind="manifest", method="GET"), 2)
        self.assertEqual(self.up.count(kind="blob"), 0)

    def test_upstream_gone_for_a_day(self):
        digest, data = self.up.add_image("a", "v1", [b"kept" * 1000])
        self.get("manifests/v1"), self.blob(b"kept" * 1000)
        self.up.add_blob("a", b"not kept")
        self.up.vanish()
        for _ in range(3):
            r = self.get("manifests/v1")
            self.assertEqual((r.status, r.body), (200, data))
            self.assertRegex(r["Warning"], r'^299 - ".*127\.0\.0\.1')
        self.assertEqual(self.get("manifests/" + digest).status, 200)
        self.assertEqual(self.blob(b"kept" * 1000).body, b"kept" * 1000)
        r = self.blob(b"not kept")
        self.assertEqual(r.status, 504)
        self.assertIn("127.0.0.1", r.message())
        r = self.get("manifests/other")
        self.assertEqual(r.status, 504)
        self.up.come_back()
        for _ in range(100):  # the back-off ends
            r = self.blob(b"not kept")
            if r.status == 200:
                break
            time.sleep(0.2)
        self.assertEqual(r.body, b"not kept")  # an outage is not taken for an absence

    def test_answers_that_are_no_answers(self):
        _, data = self.up.add_image("a", "v1", [b"layer one"])
        self.get("manifests/v1")
        for status, want in ((500, 502), (503, 502), (403, 403)):
            with self.subTest(status=status):
                self.cove.command("namespace", "change", "m", f"negative={status}s")  # a change forgets the back-off
                self.up.settle()
                self.up.behave(status=status, body="no")
                r = self.get("manifests/v1")
                self.assertEqual((r.status, r.body), (200, data))
                self.assertIn("299", r["Warning"])
                self.cove.command("namespace", "change", "m", f"negative={status + 1}s")
                r = self.blob(b"layer one")
                self.assertEqual(r.status, want, r.body)
                self.assertIn(self.up.url, r.message())

    def test_limit(self):
        _, data = self.up.add_image("a", "v1", [b"layer"])
        self.get("manifests/v1")
        self.up.behave(kind="manifest", fields={"Retry-After": "1"}, **TOO_MANY)
        r = self.get("manifests/v1")
        self.assertEqual((r.status, r.body), (200, data))
        self.cove.command("namespace", "change", "m", "negative=2h")
        r = self.get("manifests/cold")
        self.assertEqual((r.status, r.code()), (429, "TOOMANYREQUESTS"))

    def test_slow_upstream_with_a_copy(self):
        _, data = self.up.add_image("a", "v1")
        self.get("manifests/v1")
        self.up.behave(kind="manifest", hang=True)
        r = self.get("manifests/v1")
        self.assertEqual((r.status, r.body), (200, data))
        self.assertIn("does not answer in time", r["Warning"])

    def test_lies_about_the_digest(self):
        data = os.urandom(300000)
        self.up.add_blob("a", data)
        self.up.behave(kind="blob", corrupt=True, times=1)
        raw = Raw(self.cove)
        raw.send(f"GET /v2/m/a/blobs/{sha256(data)} HTTP/1.1\r\nHost: {self.cove.host}:{self.cove.port}\r\n"
                 f"Authorization: Bearer {self.cove.token('repository:m/a:pull')}\r\n\r\n".encode())
        got = b""
        try:
            while part := raw.sock.recv(65536):
                got += part
        except OSError:
            pass
        # never what looks whole; when the lie is known before the head has left, nothing at all
        self.assertLess(len(got.partition(b"\r\n\r\n")[2]), len(data))
        for _ in range(50):
            r = self.blob(data)
            if r.status == 200:
                break
            time.sleep(0.2)
        self.assertEqual(r.body, data)
        _, manifest = self.up.add_image("a", "v1")
        self.up.behave(kind="manifest", corrupt=True, times=1)
        self.assertEqual(self.get("manifests/v1").status, 502)

    def test_one_bad_manifest_costs_nobody_else(self):
        _, good = self.up.add_image("a", "good")
        self.up.add_image("a", "bad")
        self.up.behave(kind="manifest", reference="bad", corrupt=True)
        for _ in range(3):
            self.assertEqual(self.get("manifests/bad").status, 502)
        self.assertEqual(self.get("manifests/good").body, good)

    def test_manifests_that_no_push_would_bring(self):
        """What clients pull elsewhere they pull through here, byte by byte: nulls, missing members, sizes that are not right."""
        _, data = self.up.add_image("a", "good", [b"layer"])
        self.assertEqual(self.get("manifests/good").status, 200)
        self.assertEqual(self.blob(b"layer").status, 200)
        good = json.loads(data)
        config, layer = good["config"], good["layers"][0]
        changed = [{"layers": None}, {"layers": [{"digest": layer["digest"], "size": 5}]}, {"config": {**config, "mediaType": None}},
                   {"layers": [{**layer, "size": 6}]}, {"layers": [{**layer, "data": None}]}, {"layers": [{**layer, "data": "wrong"}]},
                   {"layers": [{**layer, "urls": [None]}]}, {"annotations": {"a": None}}, {"annotations": {"a": 1}}, {"manifests": None}]
        for i, change in enumerate(changed):
            digest, data = self.up.add_manifest("a", f"odd-{i}", {**good, **change})
            for reference in (f"odd-{i}", digest):
                r = self.get("manifests/" + reference)
                self.assertEqual((r.status, r.body), (200, data), change)
        odd = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": None}
        _, data = self.up.add_manifest("a", "odd-index", odd)
        self.assertEqual(self.get("manifests/odd-index").body, data)
        self.assertEqual(self.blob(b"layer").body, b"layer")

    def test_lies_about_the_length(self):
        for off in (-100, 100):
            data = os.urandom(100000)
            self.up.add_blob("a", data)
            self.up.behave(kind="blob", length_off=off)
            try:
                r = self.blob(data)
                self.assertNotEqual((r.status, len(r.body)), (200, len(data)))
            except (ConnectionError, OSError):
                pass
            self.up.settle()
            self.cove.command("namespace", "change", "m", f"negative={off + 1000}s")
            for _ in range(50):
                try:
                    r = self.blob(data)
                    if r.status == 200:
                        break
                except (ConnectionError, OSError):
                    pass
                time.sleep(0.2)
            self.assertEqual(r.body, data)

    def test_drops_in_mid_blob(self):
        for more in ({}, {"no_range": True}):
            with self.subTest(**more):
                data = os.urandom(3000000)
                self.up.add_blob("a", data)
                self.up.forget()
                for at in (1000000, 500000, 200000):
                    self.up.behave(kind="blob", drop_after=at, times=1, **more)
                if more:
                    self.up.ranges = False
                r = self.blob(data)
                self.assertEqual(r.body, data)
                asked = [e["range"] for e in self.up.asked(kind="blob")]
                # the newest rule goes first: 200000 bytes, then 500000 more
                want = [None, "bytes=200000-", "bytes=700000-", "bytes=1700000-"]
                self.assertEqual(asked, want if not more else [None, "bytes=200000-", "bytes=500000-", "bytes=1000000-"])

    def test_no_length(self):
        data = os.urandom(200000)
        self.up.add_blob("a", data)
        self.up.behave(kind="blob", no_length=True)
        self.assertEqual(self.blob(data).body, data)

    def test_a_client_that_leaves(self):
        data = os.urandom(4000000)
        self.up.add_blob("a", data)
        self.up.behave(kind="blob", hold_after=1000000, times=1)
        raw = Raw(self.cove)
        raw.send(f"GET /v2/m/a/blobs/{sha256(data)} HTTP/1.1\r\nHost: {self.cove.host}:{self.cove.port}\r\n"
                 f"Authorization: Bearer {self.cove.token('repository:m/a:pull')}\r\n\r\n".encode())
        raw.sock.recv(1000)
        raw.close()
        self.up.release()
        self.assertEqual(self.blob(data).body, data)
        self.assertEqual(self.up.count(kind="blob", method="GET"), 1)

    def test_fifty_at_once(self):
        layers, names = [os.urandom(500000), os.urandom(300)], ("a", "b", "c")
        images = {name: self.up.add_image(name, "v1", [*layers, name.encode()]) for name in names}
        for name in names[1:]:
            self.assertEqual(self.get("manifests/v1", "m/" + name).status, 200)
        self.up.forget()
        self.up.behave(kind="blob", hold_after=100, times=1)
        token, out = "Bearer " + self.cove.token(*(f"repository:m/{n}:pull" for n in names)), []

        def pull(name):
            c = Client(self.cove)
            c.auth = token
            digest, manifest = images[name]
            right = c.request("GET", f"/v2/m/{name}/manifests/v1").body == manifest
            right = right and c.request("GET", f"/v2/m/{name}/manifests/{digest}").body == manifest
            for data in (*layers, name.encode()):
                right = right and c.request("GET", f"/v2/m/{name}/blobs/{sha256(data)}").body == data
            out.append(right)
        threads = [threading.Thread(target=pull, args=(names[i % 3],)) for i in range(50)]
        [t.start() for t in threads]
        eventually(lambda: self.up.count(kind="blob"), "a layer is asked for")
        self.up.release()
        [t.join() for t in threads]
        self.assertEqual(out, [True] * 50)
        for data in layers:
            self.assertEqual(self.up.count(kind="blob", method="GET", reference=sha256(data)), 1)
        self.assertEqual(self.up.count(kind="manifest", method="GET"), 1)  # only of a, which was not here

    def test_allow(self):
        self.up.add_image("team/app", "v1"), self.up.add_image("other", "v1")
        self.cove.command("namespace", "change", "m", "allow=team/*")
        self.assertEqual(self.get("manifests/v1", "m/team/app").status, 200)
        self.up.forget()
        for path in ("manifests/v1", "blobs/" + sha256(b"layer"), "tags/list"):
            self.assertEqual(self.get(path, "m/other").status, 404)
        self.assertEqual(self.up.count(), 0)

    def test_large_blobs_leave_room(self):
        blobs = [os.urandom(20000) for _ in range(20)]
        _, manifest = self.up.add_image("a", "v1", blobs)
        self.up.behave(kind="blob", hold_after=1000)
        out = []
        threads = [threading.Thread(target=lambda d: out.append(self.blob(d).body == d), args=(d,)) for d in blobs]
        [t.start() for t in threads]
        eventually(lambda: self.up.count(kind="blob") >= 12, "twelve blobs are on their way")
        self.assertEqual(self.get("manifests/v1").body, manifest)
        self.assertEqual(self.get("manifests/none").status, 404)
        self.up.settle()
        [t.join() for t in threads]
        self.assertEqual(out, [True] * len(blobs))

    def test_removed_while_fetching(self):
        _, manifest = self.up.add_image("a", "v1")
        data = os.urandom(50000)
        self.up.add_blob("a", data)
        for kind, path in (("manifest", "manifests/v1"), ("blob", "blobs/" + sha256(data))):
            with self.subTest(kind=kind):
                self.up.forget()
                self.up.behave(kind=kind, method="GET", hold_after=10)
                c = self.cove.client("repository:m/a:pull")
                ended = []

                def pull():
                    try:
                        ended.append(c.request("GET", "/v2/m/a/" + path).status)
                    except (ConnectionError, OSError, http.client.HTTPException):
                        ended.append(None)  # the head had left
                thread = threading.Thread(target=pull)
                thread.start()
                eventually(lambda: self.up.count(kind=kind, method="GET"), "the upstream is asked")
                self.cove.command("namespace", "remove", "m", "--purge")
                self.up.settle()
                thread.join()
                self.assertIn(ended[0], (404, None))
                self.assertEqual(c.request("GET", "/v2/m/a/tags/list").status, 404)  # the root has not got it
                self.assertEqual(c.request("GET", "/v2/m/a/" + path).status, 404)
                self.make("m", *self.attributes)

    def test_blob_store(self):
        data = os.urandom(100000)
        self.up.add_blob("a", data)
        with tempfile.TemporaryDirectory() as disk:
            self.cove.command("blob-store", "add", "cache", disk)
            self.cove.command("namespace", "change", "m", "blob_store=cache")
            self.assertEqual(self.blob(data).body, data)
            self.assertTrue(os.path.exists(f"{disk}/blobs/sha256/{sha256(data)[7:9]}/{sha256(data)[7:]}"))

    def test_absence_is_remembered_and_offline_is_kept(self):
        for _ in range(3):
            self.assertEqual(self.get("manifests/none").status, 404)
        self.assertEqual(self.up.count(kind="manifest"), 1)
        _, data = self.up.add_image("a", "v1")
        self.get("manifests/v1")
        self.cove.command("namespace", "change", "m", "offline=true")
        self.cove.command("namespace", "change", "m", "fresh=0")
        self.up.forget()
        before = self.cove.read_log().count("upstream.stale")
        r = self.get("manifests/v1")
        self.assertEqual(r.body, data)
        self.assertIn("offline", r["Warning"])
        self.assertNotIn("not cached", r["Warning"])
        self.assertEqual(self.cove.read_log().count("upstream.stale"), before)
        r = self.get("manifests/v2")
        self.assertEqual(r.status, 503)
        self.assertIn("offline", r.message())
        self.assertEqual(self.up.count(), 0)

    def test_a_blob_of_another_repository_is_not_fetched_again(self):
        data = os.urandom(100000)
        self.up.add_blob("a", data), self.up.add_blob("b", data)
        self.blob(data)
        self.up.forget()
        self.assertEqual(self.blob(data, "m/b").body, data)
        self.assertEqual((self.up.count(kind="blob", method="GET"), self.up.count(kind="blob", method="HEAD")), (0, 1))
        self.up.behave(kind="blob", method="HEAD", status=405)
        self.up.add_blob("d", data)
        self.assertEqual(self.blob(data, "m/d").body, data)  # GET tells it too
        self.assertEqual(self.up.count(kind="blob", method="GET"), 1)
        self.assertEqual(self.blob(data, "m/c").status, 404)  # not there: whoever knows the digest does not get it


    def test_head_of_a_blob(self):
        for i, (more, refused) in enumerate((({"no_length": True}, 0), ({"status": 405}, 1), ({"status": 403}, 1), ({}, 0))):
            with self.subTest(**more):
                data = os.urandom(5000 + i)
                self.up.add_blob("a", data)
                self.up.settle()
                self.up.behave(kind="blob", **({"method": "HEAD"} if refused else {}), **more)
                r = self.get("blobs/" + sha256(data), method="HEAD")
                self.assertEqual((r.status, r["Content-Length"]), (200, str(len(data))))
                self.assertEqual(self.blob(data).body, data)
        data = os.urandom(300000)
        self.up.add_blob("a", data)
        self.up.settle(), self.up.forget()
        self.up.behave(kind="blob", hold_after=1000)
        thread = threading.Thread(target=self.blob, args=(data,))
        thread.start()
        eventually(lambda: self.up.count(kind="blob"), "it is fetched")
        r = self.get("blobs/" + sha256(data), method="HEAD")
        self.assertEqual((r.status, r["Content-Length"]), (200, "300000"))
        self.assertEqual(self.up.count(kind="blob"), 1)
        self.up.settle()
        thread.join()
        self.assertEqual(self.get("blobs/" + sha256(b"none"), method="HEAD").status, 404)

    def test_one_fetch_for_several_repositories(self):
        data = os.urandom(2000000)
        for name in ("a", "b", "c"):
            self.up.add_blob(name, data)
        self.up.behave(kind="blob", method="GET", hold_after=500000)
        out = {}

        def pull(name):
            r = self.blob(data, "m/" + name)
            out[threading.get_ident()] = r.body == data
        threads = [threading.Thread(target=pull, args=("a",))]
        threads[0].start()
        eventually(lambda: self.up.count(kind="blob", method="GET"), "the first asks")
        raw = Raw(self.cove)
        raw.send(f"GET /v2/m/b/blobs/{sha256(data)} HTTP/1.1\r\nHost: {self.cove.host}:{self.cove.port}\r\n"
                 f"Authorization: Bearer {self.cove.token('repository:m/b:pull')}\r\n\r\n".encode())
        self.assertIn(b" 200 ", raw.sock.recv(1000))  # it streams what another repository's fetch brings
        self.cove.command("namespace", "create", "unrelated", "hosted")
        self.addCleanup(self.cove.command, "namespace", "remove", "unrelated")
        threads += [threading.Thread(target=pull, args=(n,)) for n in ("a", "b", "c")]
        [t.start() for t in threads[1:]]
        eventually(lambda: self.up.count(kind="blob", method="HEAD") == 2, "the upstream says that b and c have it too")
        self.assertEqual(self.blob(data, "m/d").status, 404)  # and that d has it not
        self.up.settle()
        [t.join() for t in threads]
        raw.close()
        self.assertEqual(list(out.values()), [True] * 4)
        self.assertEqual([e["name"] for e in self.up.asked(kind="blob", method="GET")], ["a", "d"])

    def test_another_namespace_changes_nothing(self):
        self.up.add_image("a", "v1")
        self.up.behave(kind="manifest", fields={"Retry-After": "600"}, **TOO_MANY)
        self.assertEqual(self.get("manifests/v1").status, 429)
        self.cove.command("namespace", "create", "unrelated", "hosted")
        self.addCleanup(self.cove.command, "namespace", "remove", "unrelated")
        self.assertRegex(self.get("manifests/v1").message(), "cove asks again in (600|5..) s")
        self.assertEqual(self.up.count(kind="manifest"), 1)


class Lists(Proxied):
    attributes = ("fresh=0s", "negative=1h")

    def refer(self, subject):
        return self.up.add_manifest("a", "sha256-" + subject[7:], {
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
                {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": sha256(b"referrer"), "size": 8}]})

    def listed(self, subject):
        r = self.get("referrers/" + subject)
        return r.status, [m["digest"] for m in r.json().get("manifests", [])], r["Warning"]

    def test_referrers_of_upstreams_that_refuse_the_list(self):
        subject, _ = self.up.add_image("a", "v1")
        self.refer(subject)
        for status in (400, 401, 403, 404, 405):
            with self.subTest(status=status):
                self.up.settle()
                self.up.behave(kind="referrers", status=status)
                self.assertEqual(self.listed(subject), (200, [sha256(b"referrer")], None))

    def test_referrers_in_an_outage(self):
        subject, data = self.up.add_image("a", "v1")
        digest, _ = self.up.add_image("a", None, [b"signature"], artifactType="application/x-signature", subject={
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": subject, "size": len(data)})
        self.assertEqual(self.get("manifests/" + digest).status, 200)
        self.up.vanish()
        status, digests, warning = self.listed(subject)
        self.assertEqual((status, digests), (200, [digest]))
        self.assertIn("only cached content", warning)
        self.assertEqual(self.get("referrers/" + subject, "m/unknown").status, 504)


class CacheLimit(unittest.TestCase):
    def test_the_least_recently_pulled_go(self):
        server, up = Cove().start(), Upstream()
        self.addCleanup(server.destroy)
        self.addCleanup(up.close)
        server.command("namespace", "create", "m", "proxy", f"upstream={up.url}", f"ca={up.ca_pem}", "cache_limit=1MiB")
        blobs = [os.urandom(400000) for _ in range(4)]
        for data in blobs:
            up.add_blob("a", data)
            self.assertEqual(server.client("repository:m/a:pull").request("GET", "/v2/m/a/blobs/" + sha256(data)).body, data)
        self.assertEqual(server.stop(), 0)
        db = sqlite3.connect(os.path.join(server.data, "cove.db"))  # hours later
        for i, data in enumerate(blobs):
            db.execute("UPDATE namespace_blobs SET last_used_at = ? WHERE blob = (SELECT id FROM blobs WHERE digest = ?)",
                       (1000 + i, bytes.fromhex(sha256(data)[7:])))
        db.commit(), db.close()
        server.start()

        def used():
            return json.loads(server.command("namespace", "show", "m", "--json"))["used_bytes"]
        eventually(lambda: used() <= 1 << 20, "the cache is within its limit", 90)
        up.forget()
        for data in (blobs[3], blobs[2], blobs[0]):
            self.assertEqual(server.client("repository:m/a:pull").request("GET", "/v2/m/a/blobs/" + sha256(data)).body, data)
        self.assertEqual([e["reference"] for e in up.asked(kind="blob", method="GET")], [sha256(blobs[0])])
        self.assertEqual(up.count(kind="blob", method="HEAD"), 0)  # its file is still there, but nobody's
        self.assertEqual(server.stop(), 0)


class Groups(Proxied):
    """m, and a second proxy n."""
    attributes = ("fresh=0s", "patience=1s")

    def setUp(self):
        super().setUp()
        self.second = Upstream()
        self.addCleanup(self.second.close)
        for name, kind, *more in (("n", "proxy", f"upstream={self.second.url}", f"ca={self.second.ca_pem}", *self.attributes),
                                  ("own", "hosted"), ("first", "group", "members=m own"), ("both", "group", "members=m n")):
            self.cove.command("namespace", "create", name, kind, *more)
            self.addCleanup(self.cove.command, "namespace", "remove", name, *(["--purge"] if kind != "group" else []))

    def is_reachable(self, name):
        r = Client(self.cove).request("GET", "/api/v1/namespaces/" + name, headers={"Authorization": self.cove.basic()})
        return json.loads(r.body)["upstream"]["reachable"]

    def test_slow(self):
        _, ours = self.cove.client("repository:own/a:pull,push").push_image("own/a", "v1", [b"ours"])
        _, other = self.second.add_image("b", "v1")
        digest, kept = self.up.add_image("a", "kept")
        self.get("manifests/kept"), self.get("manifests/v1", "n/b")
        self.up.behave(hang=True)
        for name, reference, want in (("first/a", "v1", ours), ("both/b", "v1", other), ("m/a", "kept", kept),
                                      ("both/a", digest, kept)):
            r = self.get("manifests/" + reference, name)
            self.assertEqual((r.status, r.body), (200, want), name)
        r = self.get("tags/list")
        self.assertEqual(r.json()["tags"], ["kept"])
        self.assertIn("299", r["Warning"])
        self.assertTrue(self.is_reachable("m"))  # none of them has waited for the end of the question

    def test_denied(self):
        layers = [b"one", b"two"]
        _, image = self.second.add_image("a", "v1", layers)
        self.up.behave(status=401)
        self.cove.command("namespace", "change", "n", "fresh=1h")
        for _ in range(3):
            self.assertEqual(self.get("manifests/v1", "both/a").body, image)
            for data in layers:
                self.assertEqual(self.blob(data, "both/a").body, data)
        self.assertEqual(self.up.count(), 1)
        self.up.settle()
        self.assertEqual(self.get("manifests/v1").status, 404)  # by itself it is asked all the same
        self.cove.command("namespace", "password", "m", stdin=b"new\n")
        self.up.add_image("a", "v1", [b"now it may"])
        self.assertNotEqual(self.get("manifests/v1", "both/a").body, image)

    def test_an_answer_is_for_those_who_waited_for_it(self):
        """m had not the blob when a slow download from n began; who asks m later, while that goes on, is told what is so now."""
        self.cove.command("namespace", "change", "m", "negative=0s")
        data = os.urandom(4000000)
        self.second.add_blob("a", data)
        self.second.behave(kind="blob", hold_after=1000000, times=1)
        raw = Raw(self.cove)
        self.addCleanup(raw.close)
        raw.send(f"GET /v2/both/a/blobs/{sha256(data)} HTTP/1.1\r\nHost: {self.cove.host}:{self.cove.port}\r\n"
                 f"Authorization: Bearer {self.cove.token('repository:both/a:pull')}\r\n\r\n".encode())
        raw.sock.recv(1000)
        self.up.add_blob("a", data)
        self.assertEqual(self.blob(data).status, 200)
        self.second.release()

    def test_what_a_digest_names_comes_from_the_disk_first(self):
        data = os.urandom(10000)
        self.up.add_blob("a", data), self.second.add_blob("a", data)
        self.assertEqual(self.blob(data, "n/a").body, data)
        self.assertEqual(self.blob(data, "both/a").body, data)
        self.assertEqual(self.up.count(), 0)


class Tokens(Proxied):
    auth = "bearer"

    def test_one_token_for_a_repository(self):
        digest, data = self.up.add_image("a", "v1")
        self.assertEqual(self.get("manifests/v1").body, data)
        self.assertEqual(self.get("manifests/" + digest).body, data)
        self.assertEqual(self.blob(b"layer").body, b"layer")
        self.assertEqual(self.up.count(kind="token"), 1)
        self.assertEqual(self.up.count(kind="manifest", method="GET"), 2)  # the first was refused with the challenge


class Basic(Proxied):
    auth, user = "basic", "me:secret-password"
    attributes = ("username=me",)

    def test_the_password_goes_along_once_it_is_asked_for(self):
        self.cove.command("namespace", "password", "m", stdin=b"secret-password\n")
        digest, data = self.up.add_image("a", "v1")
        self.assertEqual(self.get("manifests/v1").body, data)
        self.assertEqual(self.get("manifests/" + digest).body, data)
        self.assertEqual(self.blob(b"layer").body, b"layer")
        self.assertEqual(self.up.count(status=401), 1)


class TwoFields(Basic):
    auth = "two-fields"

    def test_the_password_goes_along_once_it_is_asked_for(self):
        self.cove.command("namespace", "password", "m", stdin=b"secret-password\n")
        _, data = self.up.add_image("a", "v1")
        self.assertEqual(self.get("manifests/v1").body, data)
        self.assertEqual(self.up.count(kind="token"), 1)  # Bearer before Basic


class OtherTokenService(Proxied):
    auth, user = "bearer", "me:secret-password"
    attributes = ("username=me",)

    def setUp(self):
        super().setUp()
        self.cove.command("namespace", "password", "m", stdin=b"secret-password\n")
        self.image = self.up.add_image("a", "v1")[1]

    def test_in_another_domain(self):
        self.up.realm, self.up.anonymous = f"https://localhost:{self.up.port}/token", False
        r = self.get("manifests/v1")
        self.assertEqual(r.status, 403)
        self.assertIn("token_host=localhost", r.message())
        self.assertFalse([e for e in self.up.asked(kind="token") if e["authorization"]])
        self.cove.command("namespace", "change", "m", "token_host=localhost")
        self.assertEqual(self.get("manifests/v1").body, self.image)

    def test_in_plain_text(self):
        self.up.realm = f"http://127.0.0.1:{self.up.cdn_port}/token"
        r = self.get("manifests/v1")
        self.assertEqual(r.status, 502)
        self.assertIn("plain HTTP", r.message())
        self.assertEqual(self.up.count(kind="token"), 0)

    def test_without_credentials(self):
        self.up.anonymous = False
        self.cove.command("namespace", "change", "m", "username=")
        self.assertIn("requires credentials", self.get("manifests/v1").message())


class Stopping(unittest.TestCase):
    def test_nobody_waits_for_an_upstream_that_hangs(self):
        server, up, out = Cove().start(), Upstream(), {}
        self.addCleanup(server.destroy)
        self.addCleanup(up.close)
        server.command("namespace", "create", "m", "proxy", f"upstream={up.url}", f"ca={up.ca_pem}", "fresh=0s", "patience=10m")
        _, kept = up.add_image("a", "kept")
        c = server.client("repository:m/a:pull")
        self.assertEqual(c.request("GET", "/v2/m/a/manifests/kept").body, kept)
        data = up.add_blob("a", b"late")
        up.behave(hang=True)
        up.forget()
        paths = ("manifests/kept", "manifests/v2", "blobs/" + data)

        def pull(path):
            client = Client(server)
            client.auth = c.auth
            out[path] = client.request("GET", "/v2/m/a/" + path)
        threads = [threading.Thread(target=pull, args=(p,)) for p in paths]
        [t.start() for t in threads]
        eventually(lambda: up.count() == 3, "all three are asked for")
        self.assertEqual(server.stop(), 0)
        [t.join() for t in threads]
        self.assertEqual([out[p].status for p in paths], [200, 503, 503])
        self.assertEqual(out["manifests/kept"].body, kept)


class AnotherUpstream(Proxied):
    auth, user = "basic", "me:secret-password"
    attributes = ("username=me", "fresh=1h")

    def test_neither_tags_nor_password_are_those_of_the_old_one(self):
        self.cove.command("namespace", "password", "m", stdin=b"secret-password\n")
        _, old = self.up.add_image("a", "v1", [b"old"])
        self.assertEqual(self.get("manifests/v1").body, old)
        other = Upstream()
        self.addCleanup(other.close)
        _, new = other.add_image("a", "v1", [b"new"])
        said = self.cove.command("namespace", "change", "m", f"upstream={other.url}", f"ca={other.ca_pem}")
        self.assertIn("cove namespace password m", said)
        self.assertEqual(self.get("manifests/v1").body, new)
        time.sleep(1.1)  # what is looked at in the second of the change is looked at once more
        self.assertEqual(self.get("manifests/v1").body, new)
        self.cove.command("namespace", "change", "m", f"upstream={other.url}", "negative=1m")
        other.forget()
        self.assertEqual(self.get("manifests/v1").body, new)
        self.assertEqual(other.count(), 0)  # the same upstream: the tag is fresh
        self.assertIn("not set", self.cove.command("namespace", "show", "m"))
        self.cove.command("namespace", "change", "m", f"upstream={self.up.url}", f"ca={self.up.ca_pem}")
        self.up.forget()
        self.get("manifests/v2")
        self.assertEqual({e["authorization"] for e in self.up.asked()}, {None, "Basic " + base64.b64encode(b"me:").decode()})


class Limits(unittest.TestCase):
    def test_what_is_left_is_kept_and_shown(self):
        server, up = Cove().start(), Upstream(limit=100)
        self.addCleanup(server.destroy)
        self.addCleanup(up.close)
        server.command("namespace", "create", "m", "proxy", f"upstream={up.url}", f"ca={up.ca_pem}", "fresh=0s")
        for tag in ("v1", "v2"):
            up.add_image("a", tag, [tag.encode()])
            self.assertEqual(server.client("repository:m/a:pull").request("GET", "/v2/m/a/manifests/" + tag).status, 200)

        def told():
            r = Client(server).request("GET", "/api/v1/namespaces/m", headers={"Authorization": server.basic()})
            return r.json()["upstream"]
        before = told()
        self.assertEqual((before["limit_remaining"], before["limit_total"]), (98, 100))
        server.command("namespace", "create", "unrelated", "hosted")
        self.assertEqual(told(), before)
        self.assertEqual(server.stop(), 0)
        self.assertIn("98 of 100 pulls left", server.command("namespace", "show", "m"))
        server.start()
        self.assertEqual(told(), before)
        server.command("namespace", "change", "m", "username=me")
        self.assertNotIn("limit_remaining", told())
        self.assertEqual(server.stop(), 0)


class Loops(Case):
    def pull(self, cove, name):
        return cove.client(f"repository:{name}:pull").request("GET", f"/v2/{name}/manifests/v1")

    def ca(self, cove):
        with open(cove.ca) as f:
            return "ca=" + f.read()

    def test_two_that_ask_each_other(self):
        other = Cove().start()
        self.addCleanup(other.destroy)
        self.addCleanup(other.stop)
        coves, ports = (self.cove, other), (free_port(), free_port())
        self.addCleanup(self.cove.command, "user", "revoke", "anonymous", "**")
        for cove, port, peer in ((coves[0], ports[0], 1), (coves[1], ports[1], 0)):
            cove.command("user", "grant", "anonymous", "**", "pull")
            cove.command("namespace", "create", "own", "hosted")
            cove.command("namespace", "create", "peer", "proxy", f"upstream=https://127.0.0.1:{ports[peer]}", self.ca(coves[peer]))
            cove.command("namespace", "create", "all", "group", "members=own peer", "listener=https", f"port={port}")
            Listener(cove, port).wait()
        for name in ("own", "peer", "all"):
            self.addCleanup(self.cove.command, "namespace", "remove", name, "--purge")
        r = self.pull(self.cove, "all/team/none")
        self.assertEqual((r.status, r.code()), (404, "MANIFEST_UNKNOWN"))
        self.assertIn("event=upstream.loop", self.cove.read_log())
        _, image = other.client("repository:own/team/app:pull,push").push_image("own/team/app", "v1", [b"of the other"])
        self.assertEqual(self.pull(self.cove, "all/team/app").body, image)
        _, image = self.cove.client("repository:own/team/none:pull,push").push_image("own/team/none", "v1", [b"ours"])
        self.assertEqual(self.pull(other, "all/team/none").body, image)  # what was absent on the way back is not absent

    def test_its_own_listener(self):
        port = free_port()
        self.cove.command("user", "grant", "anonymous", "**", "pull")
        self.addCleanup(self.cove.command, "user", "revoke", "anonymous", "**")
        self.cove.command("namespace", "create", "self", "proxy", f"upstream=https://127.0.0.1:{port}", self.ca(self.cove),
                          "listener=https", f"port={port}")
        self.addCleanup(self.cove.command, "namespace", "remove", "self", "--purge")
        Listener(self.cove, port).wait()
        self.assertEqual(self.pull(self.cove, "self/x/y").status, 404)


class Cdn(Proxied):
    auth, user = "both", "me:secret-password"
    upstream = {"cdn": True}
    attributes = ("username=me",)

    def setUp(self):
        super().setUp()
        self.cove.command("namespace", "password", "m", stdin=b"secret-password\n")

    def test_credentials_do_not_go_along(self):
        data = os.urandom(500000)
        self.up.add_image("a", "v1", [data])
        self.assertEqual(self.get("manifests/v1").status, 200)
        self.up.behave(kind="cdn", drop_after=100000, times=1)
        self.assertEqual(self.blob(data).body, data)
        self.assertEqual(self.up.leaks(), 0)
        self.assertNotIn("secret-password", self.cove.read_log())

    def test_wrong_credentials(self):
        self.up.add_image("a", "v1")
        self.cove.command("namespace", "password", "m", stdin=b"wrong-password\n")
        r = self.get("manifests/v1")
        self.assertEqual(r.status, 403)
        self.assertIn("credentials", r.message())


class FullDisk(unittest.TestCase):
    """On a disk of 24 MiB."""

    def start(self, *attributes):
        """The server, with a proxy m of self.up; self.mount is the disk."""
        self.mount = tempfile.mkdtemp(prefix="cove-small-")
        self.addCleanup(os.rmdir, self.mount)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", self.mount], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.mount], check=True)
        self.up = Upstream()
        self.addCleanup(self.up.close)
        os.mkdir(self.mount + "/data")
        server = Cove(data=self.mount + "/data").start()
        server.command("namespace", "create", "m", "proxy", f"upstream={self.up.url}", f"ca={self.up.ca_pem}", *attributes)
        return server

    def test_pulls_that_the_disk_can_answer(self):
        server = self.start("fresh=0s")
        up, mount = self.up, self.mount
        small, large = os.urandom(100000), os.urandom(30 << 20)
        _, manifest = up.add_image("a", "v1", [small, large])
        c = server.client("repository:m/a:pull")
        self.assertEqual(c.request("GET", "/v2/m/a/manifests/v1").body, manifest)
        self.assertEqual(c.request("GET", "/v2/m/a/blobs/" + sha256(small)).body, small)
        for _ in range(2):
            r = c.request("GET", "/v2/m/a/blobs/" + sha256(large))
            self.assertEqual(r.status, 507)
            self.assertRegex(r.message(), f"a blob of {up.url} cannot be cached: .*disk is full")
        self.assertLess(up.bytes_sent, 25 << 20)  # nothing was fetched that has no room
        self.assertEqual(c.request("GET", "/v2/m/a/blobs/" + sha256(small)).body, small)
        self.assertEqual(c.request("GET", "/v2/m/a/manifests/v1").body, manifest)
        with open(mount + "/rest", "wb", buffering=0) as rest, contextlib.suppress(OSError):
            while True:
                rest.write(bytes(4096))
        _, other = up.add_image("a", "v2", [b"no room"])
        r = c.request("GET", "/v2/m/a/manifests/v2")
        self.assertEqual(r.status, 507)
        self.assertRegex(r.message(), f"a manifest of {up.url} cannot be cached: .*disk is full")
        _, _ = up.add_image("a", "v1", [b"moved"])
        r = c.request("GET", "/v2/m/a/manifests/v1")
        self.assertEqual(r.body, manifest)
        self.assertIn("disk is full", r["Warning"])
        self.assertEqual(c.request("GET", "/v2/m/a/blobs/" + sha256(small)).body, small)
        os.unlink(mount + "/rest")
        self.assertEqual(c.request("GET", "/v2/m/a/manifests/v2").body, other)
        self.assertEqual(os.listdir(mount + "/data/uploads"), [".probe"] if os.path.exists(mount + "/data/uploads/.probe") else [])
        self.assertEqual(server.stop(), 0)

    def test_a_cache_with_a_limit_makes_room(self):
        server = self.start("cache_limit=1GiB")
        up, mount = self.up, self.mount
        small, large = [os.urandom(4 << 20) for _ in range(3)], os.urandom(12 << 20)
        c = server.client("repository:m/a:pull")
        for data in (*small, large):
            up.add_blob("a", data)
        for data in small:
            self.assertEqual(c.request("GET", "/v2/m/a/blobs/" + sha256(data)).body, data)
        self.assertEqual(server.stop(), 0)
        db = sqlite3.connect(mount + "/data/cove.db")  # hours later
        db.execute("UPDATE namespace_blobs SET last_used_at = 1000")
        db.commit(), db.close()
        server.start()
        used = lambda: json.loads(server.command("namespace", "show", "m", "--json"))["used_bytes"]
        up.behave(kind="blob", length_off=2 << 30, times=1)  # what is said to be more than the limit empties nothing
        for want in (sum(map(len, small)), 0):
            r = server.client("repository:m/a:pull").request("GET", "/v2/m/a/blobs/" + sha256(large))
            self.assertEqual((r.status, used()), (507, want))
        self.assertEqual(server.stop(), 0)
