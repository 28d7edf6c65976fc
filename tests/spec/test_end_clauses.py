"""
The specification clause by clause, where no file of an endpoint has it: each test cites the sentence that it proves
(distribution-spec 1.1.1, and what is merged for the coming version). Every reply is also held to "Error Codes" and
"Warnings".
"""
import json, os, re, urllib.parse, uuid
from cove import CONFIG, OCI_IMAGE, OCI_INDEX, Case, Client, add_digest, descriptor, image, index, sha256, sha512

NAME = "clauses/app"
SCOPE = f"repository:{NAME}:pull,push,delete"
CODES = {"BLOB_UNKNOWN", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN",
         "MANIFEST_INVALID", "MANIFEST_UNKNOWN", "NAME_INVALID", "NAME_UNKNOWN", "SIZE_INVALID", "UNAUTHORIZED", "DENIED",
         "UNSUPPORTED", "TOOMANYREQUESTS"}


class Clauses(Case):
    def setUp(self):
        self.c = self.cove.client(SCOPE, "registry:catalog:*")

    def ask(self, method, target, body=None, headers=None, status=None, c=None):
        if isinstance(body, dict):
            headers = {"Content-Type": body["mediaType"], **(headers or {})}
            body = json.dumps(body).encode()
        r = (c or self.c).request(method, target, body, headers)
        if status is not None:
            self.assertEqual(r.status, status, (method, target, r.body))
        for warning in r.all("Warning"):  # "MUST specify a warn-code of 299 and a warn-agent of -"
            self.assertRegex(warning, r'^299 - "[^"]*"$')
        self.assertLessEqual(sum(map(len, r.all("Warning"))), 4096)
        if 400 <= r.status < 500 and method != "HEAD":  # "it MUST have the following format", "MUST be one of"
            self.assertEqual(r["Content-Type"], "application/json")
            for error in r.json()["errors"]:
                self.assertIn(error["code"], CODES, (method, target))
                self.assertTrue(error["message"])
        return r

    def manifests(self, reference):
        return f"/v2/{NAME}/manifests/{reference}"

    def start(self, query=""):
        return self.ask("POST", f"/v2/{NAME}/blobs/uploads/{query}", status=202)["Location"]

    def referrers(self, digest, query="", filtered=False):
        """All descriptors, page by page; how many pages there were."""
        found, pages, url = [], 0, f"/v2/{NAME}/referrers/{digest}{query}"
        while url:
            r = self.ask("GET", url, status=200)
            self.assertEqual((r["Content-Type"], r.json()["mediaType"], r.json()["schemaVersion"]), (OCI_INDEX, OCI_INDEX, 2))
            self.assertEqual(r["OCI-Filters-Applied"], "artifactType" if filtered or "artifactType=a/" in query else None)
            found, pages = found + r.json()["manifests"], pages + 1
            if r["Link"]:
                self.assertRegex(r["Link"], r'^<[^<>]+>; rel="next"$')  # "with the Relation Type rel="next""
            url = r["Link"] and r["Link"][1:r["Link"].index(">")]
        self.assertEqual(len({d["digest"] for d in found}), len(found))
        return found, pages

    # ---- pull

    def test_errors_have_the_codes_of_the_specification(self):
        """"The code field MUST be one of the following"."""
        self.c.push_image(NAME, "codes")
        for method, target, status in (
                ("GET", "/v2/nowhere", 404), ("GET", "/nowhere", 404), ("POST", self.manifests("codes"), 405),
                ("PUT", self.manifests("-bad"), 400), ("GET", f"/v2/{NAME}/tags/list?n=x", 400),
                ("GET", f"/v2/{NAME}/referrers/x", 400), ("GET", f"/v2/{NAME}/blobs/x", 400),
                ("PUT", self.manifests("codes"), 400), ("GET", f"/v2/{NAME}/blobs/uploads/x", 404),
                ("GET", "/v2/" + "a" * 9000, 414), ("GET", f"/v2/{NAME}/blobs/{sha256(b'x')}", 404)):
            self.ask(method, target, status=status)
        r = self.ask("GET", f"/v2/{NAME}/blobs/{sha256(b'layer')}", headers={"Range": "bytes=9-"})
        self.assertEqual(r.status, 416)
        self.ask("GET", "/v2/", c=Client(self.cove), status=401)

    def test_nonexistent_repository(self):
        """"An attempt to pull a nonexistent repository MUST return response code 404 Not Found"."""
        c = self.cove.client("repository:no/such:pull,push,delete")
        digest = sha256(b"x")
        for method in ("GET", "HEAD"):
            for path in ("manifests/x", f"manifests/{digest}", f"blobs/{digest}", "tags/list", f"blobs/uploads/{uuid.uuid4()}"):
                self.ask(method, f"/v2/no/such/{path}", c=c, status=404)
        for path in ("manifests/x", f"manifests/{digest}", f"blobs/{digest}", f"blobs/uploads/{uuid.uuid4()}"):
            self.ask("DELETE", f"/v2/no/such/{path}", c=c, status=404)
        # "the registry MUST NOT return a 404 Not Found to a referrers API request"
        self.ask("GET", f"/v2/no/such/referrers/{digest}", c=c, status=200)

    def test_head_is_get_without_the_body(self):
        """RFC 9110 §9.3.2, for every resource that has a GET; "A HEAD request [...] MUST return 200 OK"."""
        digest, _ = self.c.push_image(NAME, "head")
        session = self.start()
        for target in ("/v2/", "/v2/_catalog", f"/v2/{NAME}/tags/list", self.manifests("head"), self.manifests(digest), session,
                       f"/v2/{NAME}/blobs/{sha256(b'layer')}", f"/v2/{NAME}/referrers/{digest}", self.manifests("none"),
                       f"/v2/{NAME}/blobs/{sha256(b'none')}"):
            get, head = self.ask("GET", target), self.ask("HEAD", target)
            same = lambda r: (r.status, [(n, v) for n, v in r.fields if n not in ("Date", "X-Request-Id")])
            self.assertEqual(same(get), same(head), target)
            if get.status != 204:
                self.assertEqual(int(head["Content-Length"]), len(get.body))

    def test_content_type_is_what_was_pushed(self):
        """"The registry SHOULD ignore parameters on the Content-Type header" and "SHOULD NOT include parameters"."""
        self.c.push_image(NAME, "type")
        m = image([sha256(b"layer")], [5])
        self.ask("PUT", self.manifests("type"), m, {"Content-Type": OCI_IMAGE + "; charset=utf-8"}, status=201)
        self.assertEqual(self.ask("GET", self.manifests("type"), status=200)["Content-Type"], OCI_IMAGE)
        # Accept is no reason to refuse or convert
        r = self.ask("GET", self.manifests("type"), headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"})
        self.assertEqual((r.status, r["Content-Type"]), (200, OCI_IMAGE))

    def test_no_media_type_in_the_body(self):
        """"All manifests SHOULD include a mediaType field": one that does not has its Content-Type."""
        self.c.push_image(NAME, "plain")
        m = json.dumps({k: v for k, v in image([sha256(b"layer")], [5]).items() if k != "mediaType"}).encode()
        self.ask("PUT", self.manifests("plain"), m, {"Content-Type": OCI_IMAGE}, status=201)
        r = self.ask("GET", self.manifests("plain"), status=200)
        self.assertEqual((r["Content-Type"], r.body), (OCI_IMAGE, m))

    # ---- push

    def test_session_has_a_uuid(self):
        """"The <location> MUST contain a UUID representing a unique session ID"."""
        ids = {str(uuid.UUID(self.start().rsplit("/", 1)[1].split("?")[0])) for _ in range(5)}
        self.assertEqual(len(ids), 5)

    def test_any_chunk_length(self):
        """"If the registry has a minimum chunk size": it has none, and says none."""
        r = self.ask("POST", f"/v2/{NAME}/blobs/uploads/", headers={"Content-Length": "0"}, status=202)
        self.assertIsNone(r["OCI-Chunk-Min-Length"])
        location = r["Location"]
        for at in range(5):
            r = self.ask("PATCH", location, b"%d" % at, {"Content-Range": f"{at}-{at}"}, status=202)
            self.assertEqual(r["Range"], f"0-{at}")
            location = r["Location"]
        self.ask("PUT", add_digest(location, sha256(b"01234")), status=201)

    def test_chunk_errors_leave_the_session(self):
        """"the registry MUST respond with a 416"; and "the upload may be resumed" after GET."""
        location = self.start()
        self.ask("PATCH", location, b"0123", {"Content-Range": "0-3"}, status=202)
        for content_range, body, status in (("5-8", b"5678", 416), ("0-3", b"0123", 416), ("3-6", b"3456", 416),
                                            ("4-2", b"x", 400), ("x", b"x", 400), ("4-9", b"45", 400)):
            self.ask("PATCH", location, body, {"Content-Range": content_range}, status=status)
            r = self.ask("GET", location, status=204)
            self.assertEqual(r["Range"], "0-3", content_range)
            location = r["Location"]
        self.ask("PUT", add_digest(location, sha256(b"01234567")), b"4567", {"Content-Range": "4-7"}, status=201)
        self.ask("GET", location, status=404)  # "the session MUST be closed with a PUT"

    def test_chunk_that_does_not_end_where_it_says(self):
        """Of a chunked body the length is known at its end; what came is kept, and the client told where to go on."""
        for said, body in (("0-9", b"0123456789abcdefghij"), ("0-9", b"01234"), ("0-0", b"")):
            location = self.start()
            r = self.c.request("PATCH", location, body, {"Content-Range": said}, chunked=True)
            self.assertEqual((r.status, r.code()), (400, "SIZE_INVALID"))
            self.assertEqual(r["Range"], f"0-{max(len(body) - 1, 0)}")
            r = self.c.request("PUT", add_digest(location, sha256(body + b"xyz")), b"xyz",
                               {"Content-Range": f"{len(body)}-{len(body) + 9}"}, chunked=True)
            self.assertEqual((r.status, r.code()), (400, "SIZE_INVALID"))
            self.ask("PUT", add_digest(location, sha256(body + b"xyz")), status=201)
        location = self.start()
        r = self.c.request("PATCH", location, b"0123456789", {"Content-Range": "0-9"}, chunked=True)
        self.assertEqual((r.status, r["Range"]), (202, "0-9"))

    def test_digest_of_the_whole_blob(self):
        """"the <digest> MUST match the blob's digest": a mismatch or an unknown algorithm stores nothing."""
        for bad in (sha256(b"other"), "sha256:abc", "blake3:" + "a" * 64):
            self.ask("POST", f"/v2/{NAME}/blobs/uploads/?digest={bad}", b"content", status=400)
        self.ask("GET", f"/v2/{NAME}/blobs/{sha256(b'content')}", status=404)
        for bad in ("blake3", "", "SHA256"):
            self.ask("POST", f"/v2/{NAME}/blobs/uploads/?digest-algorithm={bad}", status=400)

    def test_announced_algorithm(self):
        """"digest-algorithm" of end-4c; the digest at the end may still be another one."""
        for algorithm, digest in (("sha512", sha512(b"big")), ("sha512", sha256(b"big")), ("sha256", sha512(b"big"))):
            r = self.ask("PATCH", self.start(f"?digest-algorithm={algorithm}"), b"big", status=202)
            r = self.ask("PUT", add_digest(r["Location"], digest), status=201)
            self.assertEqual(self.ask("GET", r["Location"], status=200).body, b"big")

    def test_mount_of_nonsense(self):
        """A registry that "is unable to mount the requested blob [...] SHOULD return a 202": the client then uploads."""
        known = self.c.push_blob(NAME, b"known")
        for query in (f"mount=nonsense&from={NAME}", "mount=&from=", f"mount={known}&from=-bad-", f"mount={known}&from=",
                      f"mount={known}&from=a%2F..%2Fb", f"mount={known}&from=A", "mount=sha256:" + "z" * 64):
            r = self.ask("POST", f"/v2/{NAME}/blobs/uploads/?{query}", status=202)
            self.assertTrue(r["Location"].startswith(f"/v2/{NAME}/blobs/uploads/"), query)
            self.ask("PUT", add_digest(r["Location"], sha256(b"blob")), b"blob", status=201)

    def test_manifest_digest_algorithms(self):
        """"the registry SHOULD respond with 400" to a digest that is wrong or of an unknown algorithm."""
        self.c.push_image(NAME, "algorithms")
        m = image([sha256(b"layer")], [5], annotations={"a": "b"})
        for bad in ("blake3:" + "a" * 64, "sha256:" + "a" * 63, sha256(b"other"), sha512(b"other")):
            self.ask("PUT", self.manifests(bad), m, status=400)
        data = json.dumps(m).encode()
        for digest in (sha256(data), sha512(data)):
            r = self.ask("PUT", self.manifests(digest), m, status=201)
            self.assertEqual((r["Docker-Content-Digest"], r["Location"]), (digest, self.manifests(digest)))

    def test_both_algorithms_in_one_index(self):
        """Blobs and children by sha512 under a manifest by sha512."""
        config, layer = self.c.push_blob(NAME, CONFIG, sha512(CONFIG)), self.c.push_blob(NAME, b"five1", sha512(b"five1"))
        child = json.dumps(image([layer], [5], config)).encode()
        self.ask("PUT", self.manifests(sha512(child)), child, {"Content-Type": OCI_IMAGE}, status=201)
        top = json.dumps({**index([]), "manifests": [descriptor(OCI_IMAGE, sha512(child), len(child))]}).encode()
        r = self.ask("PUT", self.manifests(sha512(top)) + "?tag=five", top, {"Content-Type": OCI_INDEX}, status=201)
        self.assertEqual(r.all("OCI-Tag"), ["five"])
        self.assertEqual(self.ask("HEAD", self.manifests("five"), status=200)["Docker-Content-Digest"], sha512(top))

    def test_nested_index(self):
        _, data = self.c.push_image(NAME, "leaf")
        for depth in range(3):
            outer = {**index([]), "manifests": [descriptor(json.loads(data)["mediaType"], sha256(data), len(data))]}
            data = json.dumps(outer).encode()
            self.ask("PUT", self.manifests(f"depth-{depth}"), outer, status=201)
        self.assertEqual(self.ask("GET", self.manifests("depth-2"), status=200).body, data)

    def test_many_tags_at_once(self):
        """end-7 of the coming version: "OCI-Tag" for each of the `tag` parameters; all of them or none."""
        _, data = self.c.push_image(NAME, "many")
        target, headers = self.manifests(sha256(data)), {"Content-Type": OCI_IMAGE}
        tags = [f"many-{i}" for i in range(32)]
        r = self.ask("PUT", target + "?" + "&".join("tag=" + t for t in tags), data, headers, status=201)
        self.assertEqual(r.all("OCI-Tag"), tags)
        for tag in tags:
            self.assertEqual(self.ask("HEAD", self.manifests(tag), status=200)["Docker-Content-Digest"], sha256(data))
        self.ask("PUT", target + "?" + "&".join(f"tag=more-{i}" for i in range(33)), data, headers, status=414)
        self.ask("PUT", target + "?tag=good&tag=-bad", data, headers, status=400)
        for tag in ("more-0", "good"):
            self.ask("HEAD", self.manifests(tag), status=404)

    def test_largest_manifest(self):
        """"support manifest pushes of at least 4 megabytes", exactly, and "413 Payload Too Large" above."""
        self.c.push_image(NAME, "largest")
        m = json.dumps(image([sha256(b"layer")], [5], annotations={"fill": ""})).encode()
        for size, status in ((4 << 20, 201), ((4 << 20) + 1, 413)):
            data = m.replace(b'"fill": ""', b'"fill": "%s"' % (b"x" * (size - len(m))))
            self.assertEqual(len(data), size)
            self.ask("PUT", self.manifests("largest"), data, {"Content-Type": OCI_IMAGE}, status=status)
        self.assertEqual(len(self.ask("GET", self.manifests("largest"), status=200).body), 4 << 20)

    # ---- content discovery

    def test_tag_pages(self):
        """"When n is zero, this endpoint MUST return an empty list, and MUST NOT include a Link header"; `last`."""
        name = "clauses/tags"
        c = self.cove.client(f"repository:{name}:pull,push,delete")
        digest, data = c.push_image(name, "t00")
        tags = ["t00", "t05", "t10", "t15"]
        self.ask("PUT", f"/v2/{name}/manifests/{digest}?tag=t05&tag=t10&tag=t15", data, {"Content-Type": OCI_IMAGE}, 201, c)
        listed = lambda query: (lambda r: (r.json()["tags"], bool(r["Link"])))(self.ask("GET", f"/v2/{name}/tags/list{query}", None, None, 200, c))
        self.assertEqual(listed("?n=0"), ([], False))
        self.assertEqual(listed("?n=0&last=t05"), ([], False))
        self.assertEqual(listed("?n=4"), (tags, False))
        self.assertEqual(listed("?n="), (tags, False))  # no number at all is as without
        self.assertEqual(listed("?n=&last=t05"), (tags[2:], False))
        self.assertEqual(listed("?n=3"), (tags[:3], True))
        self.assertEqual(listed("?last=t05"), (tags[2:], False))
        self.assertEqual(listed("?last=t07"), (tags[2:], False))  # a tag that has gone since is no error
        self.assertEqual(listed("?last=t05&n=1"), (["t10"], True))
        self.assertEqual(listed("?n=2&last=t15"), ([], False))
        for tag in tags:
            self.ask("DELETE", f"/v2/{name}/manifests/{tag}", c=c, status=202)
        self.assertEqual(listed(""), ([], False))  # "MAY be empty if there are no tags"

    def test_referrers_of_every_kind(self):
        """artifactType: the manifest's, else the config's media type, else (index) left out; annotations always."""
        config = self.c.push_blob(NAME, CONFIG)
        subject_bytes = b"pushed after its referrers"
        subject = image([self.c.push_blob(NAME, subject_bytes)], [len(subject_bytes)], config)
        data = json.dumps(subject).encode()
        of = descriptor(OCI_IMAGE, sha256(data), len(data))
        expected = []
        for kind, m in enumerate((image([], [], config, artifactType="a/one"), image([], [], config), index([]),
                                  index([], artifactType="a/two"))):
            m = {**m, "subject": of, "annotations": {"kind": str(kind), "é": "ü\"\\"}}
            body = json.dumps(m).encode()
            r = self.ask("PUT", self.manifests(sha256(body)), body, {"Content-Type": m["mediaType"]}, status=201)
            self.assertEqual(r["OCI-Subject"], of["digest"])
            shown = m.get("artifactType") or m.get("config", {}).get("mediaType")
            expected.append({**descriptor(m["mediaType"], sha256(body), len(body), annotations=m["annotations"]),
                             **({"artifactType": shown} if shown else {})})
        self.ask("PUT", self.manifests("late"), subject, status=201)  # "in either order"
        self.assertEqual(self.referrers(of["digest"]), (expected, 1))
        self.assertEqual(self.referrers(of["digest"], "?artifactType=a/two"), (expected[3:], 1))
        self.assertEqual(self.referrers(of["digest"], "?artifactType=a/none"), ([], 1))
        self.assertEqual(self.referrers(of["digest"], "?artifactType="), (expected, 1))  # no filter
        self.ask("DELETE", self.manifests(expected[0]["digest"]), status=202)
        self.assertEqual(self.referrers(of["digest"])[0], expected[1:])
        self.ask("DELETE", self.manifests(of["digest"]), status=202)
        self.assertEqual(self.referrers(of["digest"])[0], expected[1:])
        self.ask("GET", f"/v2/{NAME}/referrers/sha256:short", status=400)  # "a 400 Bad Request MUST be returned"

    def test_referrer_pages(self):
        """"A Link header MUST be included in the response when the descriptor list cannot be returned in a single
        manifest", by number and by size."""
        config = self.c.push_blob(NAME, CONFIG)
        for count, fill, least in ((230, "", 3), (4, "x" * 1500000, 2)):
            subject = descriptor(OCI_IMAGE, sha256(os.urandom(8)), 8)
            pushed = []
            for i in range(count):
                m = image([], [], config, subject=subject, artifactType=f"a/{i % 2}", annotations={"i": str(i), "fill": fill})
                pushed.append(sha256(json.dumps(m).encode()))
                self.ask("PUT", self.manifests(pushed[-1]), m, status=201)
            found, pages = self.referrers(subject["digest"])
            self.assertEqual([d["digest"] for d in found], pushed)
            self.assertGreaterEqual(pages, least)
            found, _ = self.referrers(subject["digest"], "?artifactType=a/1")
            self.assertEqual([d["digest"] for d in found], pushed[1::2])
        for bad in ("after=x", "after=9223372036854775808", "leaf=-1", "page=a%0d%0ab", "page=" + "p" * 512):
            r = self.ask("GET", f"/v2/{NAME}/referrers/{subject['digest']}?{bad}", status=400)
            self.assertIn("from its start", r.message())

    def test_referrers_of_a_type_with_pages(self):
        """The filter goes on in the Link, whatever it is made of; one that no media type could be is no filter."""
        config, subject = self.c.push_blob(NAME, CONFIG), descriptor(OCI_IMAGE, sha256(os.urandom(8)), 8)
        kinds, long = ("a/x+y; z=\"1&2\" %41 ü", "a/" + "&" * 253), "a/" + "&" * 254
        pushed = {kind: [] for kind in kinds}
        for i in range(101):
            for kind in kinds:
                m = image([], [], config, subject=subject, artifactType=kind, annotations={"i": str(i)})
                pushed[kind].append(sha256(json.dumps(m).encode()))
                self.ask("PUT", self.manifests(pushed[kind][-1]), m, status=201)
        for kind in kinds:
            found, pages = self.referrers(subject["digest"], "?artifactType=" + urllib.parse.quote(kind, safe=""), filtered=True)
            self.assertEqual(([d["digest"] for d in found], pages), (pushed[kind], 2))
        self.ask("GET", f"/v2/{NAME}/referrers/{subject['digest']}?artifactType=" + urllib.parse.quote(long, safe=""), status=400)

    def test_referrers_of_a_long_digest(self):
        """The subject may be named by any algorithm."""
        config, subject = self.c.push_blob(NAME, CONFIG), descriptor(OCI_IMAGE, sha512(os.urandom(8)), 8)
        m = image([], [], config, subject=subject, artifactType="a/long")
        r = self.ask("PUT", self.manifests("long"), m, status=201)
        self.assertEqual(r["OCI-Subject"], subject["digest"])
        found, _ = self.referrers(subject["digest"])
        self.assertEqual([d["digest"] for d in found], [r["Docker-Content-Digest"]])

    def test_referrers_with_any_character(self):
        """Annotations come back as they were pushed, also where an escape would make them longer than a manifest."""
        config, subject = self.c.push_blob(NAME, CONFIG), descriptor(OCI_IMAGE, sha256(os.urandom(8)), 8)
        for fill in ("\x7f" * 720000, "\x01\\\"\u2028\x7f", ""):
            m = image([], [], config, subject=subject, annotations={"fill": fill})
            data = json.dumps(m).replace("\\u007f", "\x7f").encode()
            self.ask("PUT", self.manifests(sha256(data)), data, {"Content-Type": OCI_IMAGE}, status=201)
        found, _ = self.referrers(subject["digest"])
        self.assertEqual([len(d["annotations"]["fill"]) for d in found], [720000, 5, 0])

    # ---- content management

    def test_deleted_at_once(self):
        """"Upon success, the registry MUST respond with a 202"; what is gone is gone for every request that follows."""
        digest, data = self.c.push_image(NAME, "del-1", [b"to be deleted"])
        self.ask("PUT", self.manifests(digest) + "?tag=del-2", data, {"Content-Type": OCI_IMAGE}, status=201)
        self.ask("DELETE", self.manifests("del-1"), status=202)
        self.ask("GET", self.manifests("del-1"), status=404)
        self.assertEqual(self.ask("GET", self.manifests("del-2"), status=200).body, data)
        self.assertNotIn("del-1", self.ask("GET", f"/v2/{NAME}/tags/list").json()["tags"])
        self.ask("DELETE", self.manifests(digest), status=202)
        for reference in (digest, "del-2"):
            self.ask("GET", self.manifests(reference), status=404)
        self.ask("DELETE", self.manifests(digest), status=404)
        blob = f"/v2/{NAME}/blobs/{sha256(b'to be deleted')}"
        self.ask("DELETE", blob, status=202)
        self.ask("GET", blob, status=404)
        self.ask("DELETE", blob, status=404)  # "If the blob is not found, a 404 Not Found code MUST be returned"
        r = self.ask("PUT", self.manifests("del-1"), data, {"Content-Type": OCI_IMAGE}, status=404)
        self.assertIn(sha256(b"to be deleted"), json.dumps(r.json()["errors"][0]["detail"]))
        self.c.push_image(NAME, "del-1", [b"to be deleted"])  # and can come back
        self.assertEqual(self.ask("GET", self.manifests("del-1"), status=200).body, data)
