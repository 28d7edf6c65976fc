"""end-3, end-7, end-9: manifests and tags."""
import base64, json, threading
from cove import Case, CONFIG, OCI_IMAGE, OCI_INDEX, Client, descriptor, image, index, sha256, sha512

NAME = "team/app"
SCOPE = f"repository:{NAME}:pull,push,delete"


class Manifests(Case):
    def setUp(self):
        self.c = self.cove.client(SCOPE)

    def refused(self, manifest, status, code, media_type=OCI_IMAGE, reference="bad"):
        r, _ = self.c.push_manifest(NAME, reference, manifest, media_type)
        self.assertEqual((r.status, r.code()), (status, code), r.body)
        return r

    def test_round_trip(self):
        digest, data = self.c.push_image(NAME, "v1")
        for reference in ("v1", digest):
            r = self.c.request("GET", f"/v2/{NAME}/manifests/{reference}")
            self.assertEqual((r.status, r.body), (200, data))
            self.assertEqual((r["Content-Type"], r["Docker-Content-Digest"], r["ETag"]), (OCI_IMAGE, digest, f'"{digest}"'))
            r = self.c.request("HEAD", f"/v2/{NAME}/manifests/{reference}")
            self.assertEqual((r.status, r["Content-Length"], r["Content-Type"]), (200, str(len(data)), OCI_IMAGE))
            self.assertEqual(r["Docker-Content-Digest"], digest)
        r = self.c.request("GET", f"/v2/{NAME}/manifests/v1", headers={"If-None-Match": f'"{digest}"'})
        self.assertEqual(r.status, 304)

    def test_put_answer(self):
        self.c.push_image(NAME, "base")
        r, data = self.c.push_manifest(NAME, "again", image([sha256(b"layer")], [5]))
        self.assertEqual((r.status, r["Location"]), (201, f"/v2/{NAME}/manifests/{sha256(data)}"))
        self.assertEqual(r["Docker-Content-Digest"], sha256(data))

    def test_unknown(self):
        self.c.push_image(NAME, "known")
        for reference in ("unknown", sha256(b"unknown")):
            r = self.c.request("GET", f"/v2/{NAME}/manifests/{reference}")
            self.assertEqual((r.status, r.code()), (404, "MANIFEST_UNKNOWN"))
        c = self.cove.client("repository:never/was:pull")
        r = c.request("GET", "/v2/never/was/manifests/x")
        self.assertEqual((r.status, r.code()), (404, "NAME_UNKNOWN"))

    def test_missing_blob_is_named(self):
        lost = sha256(b"never pushed")
        r = self.refused(image([lost], [12], self.c.push_blob(NAME, CONFIG)), 404, "MANIFEST_BLOB_UNKNOWN")
        self.assertIn(lost, json.dumps(r.json()["errors"][0]["detail"]))

    def test_all_that_is_missing_is_named(self):
        """In one answer, up to a bound, so that a client need not come back for each."""
        config = self.c.push_blob(NAME, CONFIG)
        for count, digest in ((20, sha256), (200, sha512), (1000, sha512)):
            lost = [digest(b"lost %d" % i) for i in range(count)]
            r = self.refused(image(lost, [1] * count, config), 404, "MANIFEST_BLOB_UNKNOWN")
            self.assertEqual(r.json()["errors"][0]["detail"], {"count": count, "digests": lost[:200]})
            self.assertIn(f"({count} missing", r.message())

    def test_index_of_a_thousand(self):
        """Every child is looked for, and one that is not there is found among them."""
        config = self.c.push_blob(NAME, CONFIG)
        children = [json.dumps(image([], [], config, annotations={"i": str(i)})).encode() for i in range(1000)]
        for data in children[:-1]:
            r, _ = self.c.push_manifest(NAME, sha256(data), data)
            self.assertEqual(r.status, 201, r.body)
        r = self.refused(index(children), 404, "MANIFEST_BLOB_UNKNOWN", OCI_INDEX)
        self.assertEqual(r.json()["errors"][0]["detail"], {"count": 1, "digests": [sha256(children[-1])]})
        self.c.push_manifest(NAME, sha256(children[-1]), children[-1])
        r, data = self.c.push_manifest(NAME, "thousand", index(children))
        self.assertEqual(r.status, 201, r.body)
        self.assertEqual(self.c.request("GET", f"/v2/{NAME}/manifests/thousand").body, data)

    def test_missing_child_is_named(self):
        r = self.refused(index([b"never pushed"]), 404, "MANIFEST_BLOB_UNKNOWN", OCI_INDEX)
        self.assertIn(sha256(b"never pushed"), json.dumps(r.json()["errors"][0]["detail"]))
        self.assertIn("sparse_manifests", r.message())  # what would allow an index without all of its platforms
        r = self.refused(image([sha256(b"never pushed")], [12], self.c.push_blob(NAME, CONFIG)), 404, "MANIFEST_BLOB_UNKNOWN")
        self.assertNotIn("sparse_manifests", r.message())

    def test_wrong_size(self):
        """No push of the blob would help: both sizes are named."""
        self.c.push_image(NAME, "size")
        for said in (6, 4, 0, 1 << 40):
            r = self.refused(image([sha256(b"layer")], [said]), 400, "MANIFEST_INVALID")
            self.assertIn(f"{sha256(b'layer')} has {said} bytes, but it has 5", r.message())
            self.assertIn("wrong_descriptors", r.message())
        m = image([sha256(b"layer")], [5])
        del m["layers"][0]["size"]  # Go reads it as 0
        self.assertIn("has 0 bytes, but it has 5", self.refused(m, 400, "MANIFEST_INVALID").message())

    def test_wrong_descriptors(self):
        """docker-registry takes images whose descriptors name other sizes or types: so does a namespace that is told to, and gives
        the exact bytes back; what is missing is missing there, too."""
        self.cove.command("namespace", "create", "loose", "hosted", "wrong_descriptors=true")
        name = "loose/app"
        c = self.cove.client(f"repository:{name}:pull,push,delete")
        digest, child = c.push_image(name, "right")
        config = c.push_blob(name, CONFIG)
        wrong = image([sha256(b"layer")], [6], config)
        wrong["config"]["size"] = 1
        absent = image([sha256(b"layer")], [5], config)
        del absent["layers"][0]["size"]
        for m in (wrong, absent, {**index([]), "manifests": [descriptor(OCI_IMAGE, digest, 1)]}, {**index([]), "manifests": [descriptor(OCI_INDEX, digest, len(child))]}):
            r, data = c.push_manifest(name, "wrong", m)
            self.assertEqual(r.status, 201, r.body)
            self.assertEqual(c.request("GET", f"/v2/{name}/manifests/wrong").body, data)
        r, _ = c.push_manifest(name, "lost", image([sha256(b"lost")], [4], config))
        self.assertEqual((r.status, r.code()), (404, "MANIFEST_BLOB_UNKNOWN"))
        self.assertEqual(c.request("DELETE", f"/v2/{name}/blobs/{sha256(b'layer')}").status, 405)

    def test_what_other_registries_take(self):
        """What docker-registry stores and clients pull is stored here too: nulls, and members that are left out."""
        config, layer = self.c.push_blob(NAME, CONFIG), self.c.push_blob(NAME, b"layer")
        good = image([layer], [5], config)
        without = lambda m, key: {k: v for k, v in m.items() if k != key}
        for i, m in enumerate((without(good, "layers"), {**good, "layers": None}, {**good, "manifests": None}, {**good, "annotations": None},
                               {**good, "annotations": {"a": None}}, {**good, "subject": None, "artifactType": None, "mediaType": None},
                               {**good, "subject": {"digest": sha256(b"subject"), "size": 7}},
                               {**good, "layers": [{**good["layers"][0], "data": None, "urls": None, "annotations": None, "platform": None}]})):
            r, data = self.c.push_manifest(NAME, f"null-{i}", m, OCI_IMAGE)
            self.assertEqual(r.status, 201, (m, r.body))
            self.assertEqual(self.c.request("GET", f"/v2/{NAME}/manifests/null-{i}").body, data)
        for i, m in enumerate((without(index([]), "manifests"), {**index([]), "manifests": None}, {**index([]), "layers": None})):
            self.assertEqual(self.c.push_manifest(NAME, f"null-index-{i}", m)[0].status, 201, m)

    def test_what_clients_cannot_pull(self):
        """Without a media type containerd unpacks no layer: refused, with the member at fault."""
        config, layer = self.c.push_blob(NAME, CONFIG), self.c.push_blob(NAME, b"layer")
        for member, change in (("layers", {"layers": [{"digest": layer, "size": 5}]}), ("config", {"config": {"digest": config, "size": len(CONFIG)}}),
                               ("config", {"config": None}), ("layers", {"layers": [{"mediaType": None, "digest": layer, "size": 5}]})):
            r = self.refused({**image([layer], [5], config), **change}, 400, "MANIFEST_INVALID")
            self.assertIn(member, r.message())

    def test_index(self):
        _, a = self.c.push_image(NAME, "a", [b"layer a"])
        _, b = self.c.push_image(NAME, "b", [b"layer b"])
        r, data = self.c.push_manifest(NAME, "multi", index([a, b]))
        self.assertEqual(r.status, 201, r.body)
        r = self.c.request("GET", f"/v2/{NAME}/manifests/multi")
        self.assertEqual((r.status, r["Content-Type"], r.body), (200, OCI_INDEX, data))
        self.assertEqual(self.c.push_manifest(NAME, "empty", index([]))[0].status, 201)

    def test_child_that_lies(self):
        """Size and media type of a child are those of what is stored (image-spec descriptor.md)."""
        digest, a = self.c.push_image(NAME, "a", [b"layer a"])
        for wrong in (descriptor(OCI_IMAGE, digest, len(a) + 1), descriptor(OCI_INDEX, digest, len(a))):
            r = self.refused({**index([]), "manifests": [wrong]}, 400, "MANIFEST_INVALID", OCI_INDEX)
            self.assertIn(digest, r.message())

    def test_index_over_blobs(self):
        """BuildKit's cache: an index whose entries are layers and a config."""
        layer = self.c.push_blob(NAME, b"cache layer")
        cache = {**index([]), "manifests": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", layer, 11)]}
        self.assertEqual(self.c.push_manifest(NAME, "cache", cache)[0].status, 201)
        self.assertEqual(self.c.request("DELETE", f"/v2/{NAME}/blobs/{layer}").status, 405)
        cache["manifests"] = [descriptor("application/vnd.buildkit.cacheconfig.v0", sha256(b"never"), 5)]
        self.refused(cache, 404, "MANIFEST_BLOB_UNKNOWN", OCI_INDEX)

    def test_data_field(self):
        """"data ... MUST be identical to the referenced content" (image-spec descriptor.md)."""
        config = self.c.push_blob(NAME, CONFIG)
        manifest = image([], [], config)
        manifest["config"]["data"] = base64.b64encode(CONFIG).decode()
        self.assertEqual(self.c.push_manifest(NAME, "data", manifest)[0].status, 201)
        for wrong in (base64.b64encode(CONFIG + b" ").decode(), base64.b64encode(CONFIG[:-1] + b" ").decode(), "!", "", 1):
            manifest["config"]["data"] = wrong
            self.refused(manifest, 400, "MANIFEST_INVALID")

    def test_numbers_and_texts(self):
        """What Go's clients would not read is not taken: a size that is no integer, a type that is no text."""
        self.c.push_image(NAME, "plain")
        good = json.dumps(image([sha256(b"layer")], [5], artifactType="a/b")).encode()
        for old, new in ((b'"size": 5', b'"size": 5.0'), (b'"size": 5', b'"size": 5e0'), (b'"size": 5', b'"size": 0.5e1'),
                         (b'"schemaVersion": 2', b'"schemaVersion": 2.0'), (b'"a/b"', b"5"), (b'"a/b"', b'["a/b"]'),
                         (b'"mediaType": "%s"' % OCI_IMAGE.encode(), b'"mediaType": 5')):
            self.assertIn(old, good)
            self.refused(good.replace(old, new, 1), 400, "MANIFEST_INVALID")
        self.assertEqual(self.c.push_manifest(NAME, "good", good)[0].status, 201)

    def test_urls(self):
        """A layer that is elsewhere need not be here; one that is here must be as it is said."""
        config, layer = self.c.push_blob(NAME, CONFIG), self.c.push_blob(NAME, b"layer")
        for digest, size, urls, status in (
                (sha256(b"far"), 3, ["https://x/y"], 201), (layer, 5, ["https://x/y"], 201), (layer, 6, ["https://x/y"], 400),
                (sha256(b"far"), 3, [], 404), (sha256(b"far"), 3, None, 404), (sha256(b"far"), 3, {"a": 1}, 400),
                (sha256(b"far"), 3, [5], 400), (sha256(b"far"), 3, [""], 400), (sha256(b"far"), 3, "https://x/y", 400)):
            m = image([digest], [size], config)
            m["layers"][0]["urls"] = urls
            self.assertEqual(self.c.push_manifest(NAME, "urls", m)[0].status, status, (urls, size))

    def test_one_type_for_a_digest(self):
        """The same bytes under another type would be served as what they were first."""
        self.c.push_image(NAME, "first")
        data = json.dumps({k: v for k, v in image([sha256(b"layer")], [5]).items() if k != "mediaType"}).encode()
        docker = "application/vnd.docker.distribution.manifest.v2+json"
        self.assertEqual(self.c.push_manifest(NAME, "second", data, OCI_IMAGE)[0].status, 201)
        r = self.refused(data, 400, "MANIFEST_INVALID", docker, "third")
        self.assertIn(OCI_IMAGE, r.message())
        self.assertEqual(self.c.request("HEAD", f"/v2/{NAME}/manifests/third").status, 404)
        self.assertEqual(self.c.request("DELETE", f"/v2/{NAME}/manifests/{sha256(data)}").status, 202)
        self.assertEqual(self.c.push_manifest(NAME, "third", data, docker)[0].status, 201)
        self.assertEqual(self.c.request("HEAD", f"/v2/{NAME}/manifests/third")["Content-Type"], docker)

    def test_docker_types(self):
        config, layer = self.c.push_blob(NAME, CONFIG), self.c.push_blob(NAME, b"docker layer")
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                    "config": descriptor("application/vnd.docker.container.image.v1+json", config, len(CONFIG)),
                    "layers": [descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", layer, 12),
                               descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", sha256(b"far"), 3,
                                          urls=["https://elsewhere.example/x"])]}
        r, data = self.c.push_manifest(NAME, "docker", manifest)
        self.assertEqual(r.status, 201, r.body)
        listing = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json",
                   "manifests": [descriptor(manifest["mediaType"], sha256(data), len(data), platform={"os": "linux"})]}
        self.assertEqual(self.c.push_manifest(NAME, "list", listing)[0].status, 201)

    def test_schema1(self):
        r = self.refused({"schemaVersion": 1, "name": NAME, "tag": "x"}, 400, "MANIFEST_INVALID",
                         "application/vnd.docker.distribution.manifest.v1+prettyjws")
        self.assertIn("schema 1", r.message())

    def test_bad_json(self):
        deep = b"[" * 5000 + b"]" * 5000
        twice = b'{"schemaVersion":2,"schemaVersion":2}'
        for bad in (b"", b"{", b"null", b"[]", b'"x"', b"{}", deep, twice, b"\xff\xfe", b'{"schemaVersion":2} x',
                    b'{"schemaVersion":2,"config":1,"layers":[]}', b'{"schemaVersion":2,"config":{},"layers":[]}',
                    b'{"schemaVersion":"2"}', b'{"schemaVersion":2,"layers":{}}'):
            self.refused(bad, 400, "MANIFEST_INVALID")

    def test_type_mismatch(self):
        _, data = self.c.push_image(NAME, "type")
        self.refused(data, 400, "MANIFEST_INVALID", OCI_INDEX)
        self.refused(data, 400, "MANIFEST_INVALID", "text/plain")

    def test_too_large(self):
        r, _ = self.c.push_manifest(NAME, "large", b" " * (4 * 1024 * 1024 + 1), OCI_IMAGE)
        self.assertEqual((r.status, r.code()), (413, "SIZE_INVALID"))

    def test_almost_too_large(self):
        config, layer = self.c.push_blob(NAME, CONFIG), self.c.push_blob(NAME, b"layer")
        big = image([layer], [5], config, annotations={f"k{i}": "v" * 10000 for i in range(390)})
        r, data = self.c.push_manifest(NAME, "big", big)
        self.assertEqual(r.status, 201, r.body[:300])
        self.assertEqual(self.c.request("GET", f"/v2/{NAME}/manifests/big").body, data)

    def test_by_digest(self):
        _, data = self.c.push_image(NAME, "bydigest")
        pretty = json.dumps(json.loads(data), indent=3).encode()
        r, _ = self.c.push_manifest(NAME, sha256(pretty), pretty)
        self.assertEqual(r.status, 201)
        r, _ = self.c.push_manifest(NAME, sha512(pretty), pretty)
        self.assertEqual((r.status, r["Docker-Content-Digest"]), (201, sha512(pretty)))
        self.assertEqual(self.c.request("GET", f"/v2/{NAME}/manifests/{sha512(pretty)}").body, pretty)
        self.refused(pretty, 400, "DIGEST_INVALID", reference=sha256(b"other"))
        self.refused(pretty, 400, "DIGEST_INVALID", reference="sha256:baddigeststring")

    def test_bad_references(self):
        """"The <reference> MUST NOT be in any other format": so "the response code MUST be 404" to who asks for it."""
        for bad in (".INVALID_MANIFEST_NAME", "-x", ".x", "a" * 129, "%C3%A4", "a+b", "a%20b", "sha256:", "sha256:xyz", "sha256:" + "a" * 63,
                    "sha256:" + "A" * 64, "md5:" + "a" * 32, "a:b", "%5B%5D"):
            for method in ("GET", "HEAD", "DELETE"):
                r = self.c.request(method, f"/v2/{NAME}/manifests/{bad}")
                self.assertEqual(r.status, 404, (method, bad))
                if method != "HEAD":
                    self.assertEqual(r.code(), "MANIFEST_UNKNOWN", (method, bad))
            # a push learns what is wrong with it
            r = self.c.request("PUT", f"/v2/{NAME}/manifests/{bad}", b"{}", {"Content-Type": OCI_IMAGE})
            self.assertEqual(r.status, 400, bad)
            self.assertIn(r.code(), ("MANIFEST_INVALID", "DIGEST_INVALID"), bad)
        r = self.c.request("GET", f"/v2/{NAME}/manifests/a/b")  # a slash makes it another path
        self.assertEqual(r.status, 404)

    def test_if_match(self):
        """RFC 9110 §13.1.1, §13.1.2: "MUST NOT perform the requested method" when the condition does not hold. A tag so moves
        from what the client has seen only, or is only made when there is none."""
        first, data = self.c.push_image(NAME, "cond", [b"one"])
        second, other = self.c.push_image(NAME, "cond-other", [b"two"])
        url, kind = f"/v2/{NAME}/manifests/cond", {"Content-Type": OCI_IMAGE}
        for condition in ({"If-Match": f'"{second}"'}, {"If-Match": f'W/"{first}"'}, {"If-None-Match": "*"}, {"If-None-Match": f'"{first}"'}):
            for method, body in (("PUT", other), ("DELETE", None)):
                r = self.c.request(method, url, body, {**kind, **condition})
                self.assertEqual((r.status, r.code()), (412, "DENIED"), (method, condition))
        self.assertEqual(self.c.request("HEAD", url)["Docker-Content-Digest"], first)
        self.assertEqual(self.c.request("HEAD", url, headers={"If-Match": f'"{second}"'}).status, 412)
        self.assertEqual(self.c.request("PUT", url, other, {**kind, "If-Match": f'"{first}"'}).status, 201)
        self.assertEqual(self.c.request("HEAD", url)["Docker-Content-Digest"], second)
        new = f"/v2/{NAME}/manifests/cond-new"
        self.assertEqual(self.c.request("PUT", new, data, {**kind, "If-Match": "*"}).status, 412)
        self.assertEqual(self.c.request("PUT", new, data, {**kind, "If-None-Match": "*"}).status, 201)
        self.assertEqual(self.c.request("PUT", new, data, {**kind, "If-None-Match": "*"}).status, 412)
        self.assertEqual(self.c.request("DELETE", new, headers={"If-Match": f'"{first}"'}).status, 202)
        self.assertEqual(self.c.request("DELETE", new, headers={"If-Match": "*"}).status, 412)

    def test_one_of_many_moves_the_tag(self):
        """Of clients that have seen the same, one gets its If-Match through: the condition holds in the transaction."""
        first, _ = self.c.push_image(NAME, "race", [b"one"])
        config = self.c.push_blob(NAME, CONFIG)
        clients = [self.cove.client(SCOPE) for _ in range(8)]
        statuses = []

        def move(i):
            r = clients[i].request("PUT", f"/v2/{NAME}/manifests/race", json.dumps(image([], [], config, annotations={"i": str(i)})).encode(),
                                   {"Content-Type": OCI_IMAGE, "If-Match": f'"{first}"'})
            statuses.append(r.status)

        threads = [threading.Thread(target=move, args=(i,)) for i in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(sorted(statuses), [201] + [412] * 7)

    def test_bad_names(self):
        for bad in ("UPPER", "-a", "a/-b", "a__" + "/b", "a" * 256, "a..b"):
            r = Client(self.cove).request("GET", f"/v2/{bad}/manifests/x", headers={"Authorization": self.cove.basic()})
            self.assertIn((r.status, r.code()), ((400, "NAME_INVALID"), (404, "NAME_INVALID")), bad)

    def test_names_of_api_words(self):
        """Routes are matched from the right: a repository may be called team/blobs/uploads or a/manifests/b."""
        for name in ("x/blobs", "a/manifests/b", "tags/list", "x/blobs/uploads"):
            c = self.cove.client(f"repository:{name}:pull,push")
            digest, data = c.push_image(name, "manifests")
            self.assertEqual(c.request("GET", f"/v2/{name}/manifests/manifests").body, data)
            self.assertEqual(c.request("GET", f"/v2/{name}/tags/list").json(), {"name": name, "tags": ["manifests"]})

    def test_move_tag(self):
        self.c.push_image(NAME, "move", [b"one"])
        digest, _ = self.c.push_image(NAME, "move", [b"two"])
        self.assertEqual(self.c.request("HEAD", f"/v2/{NAME}/manifests/move")["Docker-Content-Digest"], digest)

    def test_delete_tag(self):
        digest, _ = self.c.push_image(NAME, "gone", [b"gone"])
        self.assertEqual(self.c.request("DELETE", f"/v2/{NAME}/manifests/gone").status, 202)
        self.assertEqual(self.c.request("HEAD", f"/v2/{NAME}/manifests/gone").status, 404)
        self.assertEqual(self.c.request("HEAD", f"/v2/{NAME}/manifests/{digest}").status, 200)
        self.assertEqual(self.c.request("DELETE", f"/v2/{NAME}/manifests/gone").status, 404)

    def test_delete_manifest(self):
        digest, _ = self.c.push_image(NAME, "gone2", [b"gone2"])
        self.assertEqual(self.c.request("DELETE", f"/v2/{NAME}/manifests/{digest}").status, 202)
        for reference in (digest, "gone2"):
            self.assertEqual(self.c.request("HEAD", f"/v2/{NAME}/manifests/{reference}").status, 404)
        self.assertEqual(self.c.request("DELETE", f"/v2/{NAME}/blobs/{sha256(b'gone2')}").status, 202)

    def test_platform_of_an_index(self):
        """Deleting it by digest would break the image for one platform: refused, as a blob that is in use, by 405 ("MUST respond
        with either a 400 Bad Request or a 405 Method Not Allowed"). Its tag is only a name. Index first, all can go."""
        amd, a = self.c.push_image(NAME, "multi-amd64", [b"amd64"])
        arm, b = self.c.push_image(NAME, "multi-arm64", [b"arm64"])
        r, inner = self.c.push_manifest(NAME, "multi", index([a, b]))
        outer = {**index([]), "manifests": [descriptor(OCI_INDEX, sha256(inner), len(inner))]}
        r, outer = self.c.push_manifest(NAME, sha256(json.dumps(outer).encode()), outer)
        self.assertEqual(r.status, 201)
        delete = lambda reference: self.c.request("DELETE", f"/v2/{NAME}/manifests/{reference}")
        for digest, needs, tag in ((amd, inner, "(tag multi)"), (arm, inner, "(tag multi)"), (sha256(inner), outer, "delete the index sha256:")):
            r = delete(digest)
            self.assertEqual((r.status, r.code()), (405, "UNSUPPORTED"))
            self.assertIn(sha256(needs), r.message())
            self.assertIn(tag, r.message())
            self.assertIn("by its name", r.message())
        self.assertEqual(delete("multi-amd64").status, 202)
        for reference in (amd, "multi", "multi-arm64"):
            self.assertEqual(self.c.request("HEAD", f"/v2/{NAME}/manifests/{reference}").status, 200)
        self.assertEqual(self.c.request("HEAD", f"/v2/{NAME}/manifests/multi-amd64").status, 404)
        for digest in (sha256(outer), sha256(inner), amd, arm):
            self.assertEqual(delete(digest).status, 202, digest)
        for reference in (amd, arm, "multi", "multi-arm64"):
            self.assertEqual(self.c.request("HEAD", f"/v2/{NAME}/manifests/{reference}").status, 404)

    def test_tag_parameters(self):
        _, data = self.c.push_image(NAME, "params")
        r = self.c.request("PUT", f"/v2/{NAME}/manifests/{sha256(data)}?tag=p1&tag=p2", data, {"Content-Type": OCI_IMAGE})
        self.assertEqual((r.status, r.all("OCI-Tag")), (201, ["p1", "p2"]))
        self.assertEqual(self.c.request("GET", f"/v2/{NAME}/manifests/p2").body, data)


class Sparse(Case):
    """With sparse_manifests, what a manifest names may be missing ("A registry MAY reject": it then does not)."""
    flags = ("--sparse-manifests",)

    def test_sparse(self):
        c = self.cove.client(SCOPE)
        digest, there = c.push_image(NAME, "there")
        r, data = c.push_manifest(NAME, "sparse", index([there, b"never pushed"]))
        self.assertEqual(r.status, 201, r.body)
        self.assertEqual(c.request("GET", f"/v2/{NAME}/manifests/sparse").body, data)
        self.assertEqual(c.request("GET", f"/v2/{NAME}/manifests/{sha256(b'never pushed')}").status, 404)
        r, _ = c.push_manifest(NAME, "sparse-image", image([sha256(b"layer"), sha256(b"never")], [5, 5]))
        self.assertEqual(r.status, 201, r.body)
        # a lie about what is there is no sparse manifest
        r, _ = c.push_manifest(NAME, "lie", {**index([]), "manifests": [descriptor(OCI_IMAGE, digest, 1)]})
        self.assertEqual((r.status, r.code()), (400, "MANIFEST_INVALID"))
