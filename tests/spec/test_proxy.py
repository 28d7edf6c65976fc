"""Proxy and group namespaces: a cove in front of another cove (issue: hosted, proxy and group namespaces)."""
import json, os, socket, threading, time
import cove
from cove import Case, Client, Cove, sha256


class Proxied(Case):
    """`origin` is the upstream, self.cove the one in front of it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.origin = Cove().start()
        cls.origin.command("user", "add", "reader", "--grant", "**:pull", stdin=b"reader-password\n")
        with open(cls.origin.ca) as f:
            cls.origin_ca = f.read()
        cls.proxy("mirror")
        cls.cove.command("namespace", "create", "own", "hosted")
        cls.cove.command("namespace", "create", "all", "group", "members=own mirror", "writable=own")

    @classmethod
    def proxy(cls, name, *more):
        c = cls.cove
        c.command("namespace", "create", name, "proxy", f"upstream=https://127.0.0.1:{cls.origin.port}",
                  f"ca={cls.origin_ca}", "username=reader", *more)
        c.command("namespace", "password", name, stdin=b"reader-password\n")

    @classmethod
    def tearDownClass(cls):
        status = cls.origin.stop()
        cls.origin.destroy()
        super().tearDownClass()
        assert status == 0

    def push(self, where, name, tag, *layers):
        with_scope = where.client(f"repository:{name}:pull,push")
        return with_scope.push_image(name, tag, layers or (b"layer of " + name.encode(),))

    def puller(self, name, actions="pull"):
        return self.cove.client(f"repository:{name}:{actions}")

    def get(self, path, name, **headers):
        return self.puller(name).request("GET", path, headers=headers)


class Proxy(Proxied):
    def test_manifest_and_blob_come_through_and_stay(self):
        digest, data = self.push(self.origin, "team/app", "v1", b"x" * 300000)
        layer = sha256(b"x" * 300000)
        r = self.get("/v2/mirror/team/app/manifests/v1", "mirror/team/app")
        self.assertEqual((r.status, r.body, r["Docker-Content-Digest"]), (200, data, digest))
        r = self.get(f"/v2/mirror/team/app/blobs/{layer}", "mirror/team/app")
        self.assertEqual((r.status, r.body), (200, b"x" * 300000))
        before = len(self.origin.read_log())
        for _ in range(2):  # now from here, by digest, whole and in part
            r = self.get(f"/v2/mirror/team/app/blobs/{layer}", "mirror/team/app", Range="bytes=5-9")
            self.assertEqual((r.status, r.body), (206, b"xxxxx"))
            self.assertEqual(self.get(f"/v2/mirror/team/app/manifests/{digest}", "mirror/team/app").body, data)
        self.assertEqual(len(self.origin.read_log()), before)

    def test_a_blob_that_is_lost_here_is_fetched_again(self):
        self.push(self.origin, "team/lost", "v1", b"lost and found")
        layer = sha256(b"lost and found")
        path = os.path.join(self.cove.data, "blobs/sha256", layer[7:9], layer[7:])
        for damage in (None, os.unlink, lambda p: os.truncate(p, 4)):
            if damage:
                damage(path)
            r = self.get(f"/v2/mirror/team/lost/blobs/{layer}", "mirror/team/lost")
            self.assertEqual((r.status, r.body), (200, b"lost and found"))

    def test_a_path_is_what_names_begin_with(self):
        """As a Harbor project. People also copy the API's address."""
        _, data = self.push(self.origin, "proj/team/app", "1")
        up = f"https://127.0.0.1:{self.origin.port}"
        for name, upstream, asked in (("part", up + "/proj", "part/team/app"), ("whole", up + "/v2/", "whole/proj/team/app")):
            self.proxy(name, "upstream_names=none")
            self.cove.command("namespace", "change", name, "upstream=" + upstream)
            self.cove.command("namespace", "password", name, stdin=b"reader-password\n")  # it went with the upstream before
            r = self.get(f"/v2/{asked}/manifests/1", asked)
            self.assertEqual((r.status, r.body), (200, data), name)
            self.assertEqual(self.get(f"/v2/{asked}/tags/list", asked).json(), {"name": asked, "tags": ["1"]})

    def test_what_is_nowhere_is_404(self):
        for path in ("manifests/none", "manifests/" + sha256(b"none"), "blobs/" + sha256(b"none")):
            r = self.get("/v2/mirror/team/none/" + path, "mirror/team/none")
            self.assertEqual(r.status, 404, r.body)

    def test_tags_and_referrers_are_the_upstreams(self):
        self.push(self.origin, "team/lists", "v1")
        digest, data = self.push(self.origin, "team/lists", "v2")
        c = self.origin.client("repository:team/lists:pull,push")
        c.push_image("team/lists", "sig", subject=cove.descriptor(cove.OCI_IMAGE, digest, len(data)))
        r = self.get("/v2/mirror/team/lists/tags/list", "mirror/team/lists")
        self.assertEqual(r.json(), {"name": "mirror/team/lists", "tags": ["sig", "v1", "v2"]})
        r = self.get("/v2/mirror/team/lists/tags/list?n=1&last=sig", "mirror/team/lists")
        self.assertEqual(r.json()["tags"], ["v1"])
        self.assertIn("last=v1", r["Link"])
        r = self.get(f"/v2/mirror/team/lists/referrers/{digest}", "mirror/team/lists")
        self.assertEqual(len(r.json()["manifests"]), 1)

    def follow(self, url, name):
        """All pages of a list."""
        c, pages = self.puller(name), []
        while url:
            r = c.request("GET", url)
            self.assertEqual(r.status, 200, (url, r.body[:300]))
            pages.append(r.json())
            url = r["Link"] and r["Link"][1:r["Link"].index(">")]
        return pages

    def attach(self, where, name, digest, count, kind="a/b", fill=""):
        """Referrers of the digest; their digests."""
        c = where.client(f"repository:{name}:pull,push")
        config, pushed = c.push_blob(name, cove.CONFIG), []
        for i in range(count):
            m = cove.image([], [], config, subject=cove.descriptor(cove.OCI_IMAGE, digest, 8), artifactType=kind,
                           annotations={"i": f"{name} {i}", "fill": fill})
            r, data = c.push_manifest(name, f"{kind[0]}{i}", m)
            self.assertEqual(r.status, 201, r.body)
            pushed.append(sha256(data))
        return pushed

    def listed(self, url, name):
        pages = self.follow(url, name)
        return [d["digest"] for p in pages for d in p["manifests"]], len(pages)

    def test_lists_by_ns(self):
        """?ns= chooses the proxy: it stays in every Link, and is not the upstream's business."""
        self.proxy("by-ns", "upstream_names=registry.test")
        digest, _ = self.push(self.origin, "team/ns", "v1")
        kind = "a/b+c"
        pushed = self.attach(self.origin, "team/ns", digest, 101, kind)
        full = "by-ns/team/ns"
        tags = [t for p in self.follow("/v2/team/ns/tags/list?ns=registry.test&n=60", full) for t in p["tags"]]
        self.assertEqual(tags, sorted(["v1"] + [f"a{i}" for i in range(101)]))
        self.assertEqual(self.listed(f"/v2/team/ns/referrers/{digest}?ns=registry.test&artifactType=a/b%2bc", full), (pushed, 2))
        self.assertEqual(self.listed(f"/v2/team/ns/referrers/{digest}?ns=registry.test&artifactType=a/b", full), ([], 2))

    def test_referrers_in_large_pages(self):
        digest, _ = self.push(self.origin, "team/large", "v1")
        pushed = self.attach(self.origin, "team/large", digest, 4, fill="x" * 1500000)
        self.assertEqual(self.listed(f"/v2/mirror/team/large/referrers/{digest}", "mirror/team/large"), (pushed, 2))

    def test_referrers_of_a_group_in_pages(self):
        self.cove.command("namespace", "create", "both", "group", "members=own mirror", "fall_through=true")
        digest, _ = self.push(self.origin, "team/paged", "v1")
        self.push(self.cove, "own/team/paged", "v1")
        theirs = self.attach(self.origin, "team/paged", digest, 130)
        ours = self.attach(self.cove, "own/team/paged", digest, 120)
        found, pages = self.listed(f"/v2/both/team/paged/referrers/{digest}", "both/team/paged")
        self.assertEqual((found, pages), (ours + theirs, 3))
        found, _ = self.listed(f"/v2/all/team/paged/referrers/{digest}", "all/team/paged")
        self.assertEqual(found, ours)  # not past the own repository

    def test_push_is_refused(self):
        r = self.puller("mirror/team/app", "pull,push").request("POST", "/v2/mirror/team/app/blobs/uploads/")
        self.assertEqual(r.status, 403)
        self.assertIn("cache", r.message())

    def test_rights_are_asked_here(self):
        self.push(self.origin, "team/app", "v1")
        r = Client(self.cove).request("GET", "/v2/mirror/team/app/manifests/v1")
        self.assertEqual(r.status, 401)

    def test_many_at_once(self):
        data = bytes(range(256)) * 20000
        self.push(self.origin, "team/big", "v1", data)
        out, token = [], "Bearer " + self.cove.token("repository:mirror/team/big:pull")

        def pull():
            c = Client(self.cove)
            c.auth = token
            out.append(c.request("GET", "/v2/mirror/team/big/blobs/" + sha256(data)).body == data)
        threads = [threading.Thread(target=pull) for _ in range(20)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        self.assertEqual(out, [True] * 20)


class Group(Proxied):
    def test_first_member_answers(self):
        self.push(self.origin, "lib/both", "v1", b"public")
        self.push(self.origin, "lib/public", "v1", b"public only")
        digest, data = self.push(self.cove, "own/lib/both", "v1", b"own")
        r = self.get("/v2/all/lib/both/manifests/v1", "all/lib/both")
        self.assertEqual((r.status, r.body), (200, data))
        self.assertEqual(self.get("/v2/all/lib/public/manifests/v1", "all/lib/public").status, 200)

    def test_own_names_never_come_from_outside(self):
        self.push(self.origin, "lib/confused", "evil", b"evil")
        self.push(self.cove, "own/lib/confused", "v1", b"own")
        r = self.get("/v2/all/lib/confused/manifests/evil", "all/lib/confused")
        self.assertEqual(r.status, 404)
        r = self.get("/v2/all/lib/confused/blobs/" + sha256(b"evil"), "all/lib/confused")
        self.assertEqual(r.status, 404)
        self.cove.command("namespace", "create", "trusting", "group", "members=own mirror", "fall_through=true")
        r = self.get("/v2/trusting/lib/confused/manifests/evil", "trusting/lib/confused")
        self.assertEqual(r.status, 200)

    def test_the_wall_stands(self):
        """Whatever the order of the members, and also while the one that has the name is switched off, or a group on the way to it."""
        c = self.cove.command
        self.push(self.origin, "wall/app", "v1", b"theirs")
        self.push(self.origin, "wall/public", "v1", b"public")
        _, ours = self.push(self.cove, "own/wall/app", "v1", b"ours")
        c("namespace", "create", "between", "group", "members=own")
        c("namespace", "create", "outside", "group", "members=mirror own")
        c("namespace", "create", "nested", "group", "members=between mirror")
        get = lambda name, what="manifests/v1": self.get(f"/v2/{name}/{what}", name)
        self.assertEqual(get("outside/wall/app").body, ours)
        self.assertEqual(get("outside/wall/app", "blobs/" + sha256(b"theirs")).status, 404)
        self.assertEqual(get("outside/wall/public").status, 200)
        try:
            for off in ("own", "between"):
                c("namespace", "change", off, "online=false")
                for name in ("nested", "all", "outside") if off == "own" else ("nested",):
                    for what in ("manifests/v1", "manifests/v2", "tags/list", "blobs/" + sha256(b"theirs")):
                        r = get(name + "/wall/app", what)
                        self.assertEqual(r.status, 503, (off, name, what))
                        self.assertIn("switched off", r.message())
                    self.assertEqual(get(name + "/wall/public").status, 200)
                c("namespace", "change", off, "online=true")
        finally:
            for name in ("own", "between"):
                c("namespace", "change", name, "online=true")
        self.assertEqual(get("nested/wall/app").body, ours)

    def test_a_push_by_mistake_is_taken_back(self):
        """A name that was pushed to a group hides the upstream's until its last tag is gone."""
        self.push(self.origin, "library/taken", "1", b"theirs")
        get = lambda: self.get("/v2/all/library/taken/manifests/1", "all/library/taken").status
        catalog = lambda: self.cove.client("registry:catalog:*").request("GET", "/v2/_catalog").json()["repositories"]
        layer = b"a mistake"
        digest, manifest = self.push(self.cove, "all/library/taken", "mistake", layer)
        c = self.cove.client("repository:own/library/taken:pull,delete")
        blobs = [sha256(layer), json.loads(manifest)["config"]["digest"]]
        self.assertEqual(get(), 404)
        for path in ("manifests/" + digest, *("blobs/" + b for b in blobs)):
            self.assertEqual(c.request("DELETE", "/v2/own/library/taken/" + path).status, 202)
            self.assertEqual(get(), 200, path)
        self.assertNotIn("own/library/taken", catalog())
        self.assertEqual(c.request("GET", "/v2/own/library/taken/tags/list").status, 404)
        # the short way
        self.push(self.cove, "all/library/taken", "mistake", layer)
        self.assertEqual(get(), 404)
        self.assertIn({"name": "own/library/taken", "tags": 1, "manifests": 1}, json.loads(self.cove.command("repository", "list", "--json")))
        self.assertIn("own/library/taken", self.cove.command("repository", "list"))
        self.cove.command("repository", "remove", "own/library/taken")
        self.assertIn("repository list", self.cove.command("repository", "remove", "own/library/taken", status=1))
        self.assertIn("own/library/taken", self.cove.command("audit", "--action", "repository.remove"))
        self.assertEqual(get(), 200)
        self.assertNotIn("own/library/taken", catalog())

    def test_push_goes_to_the_writable_member(self):
        digest, data = self.push(self.cove, "all/team/pushed", "v1", b"through the group")
        r = self.get("/v2/own/team/pushed/manifests/v1", "own/team/pushed")
        self.assertEqual((r.status, r.body), (200, data))
        r = self.get("/v2/all/team/pushed/manifests/v1", "all/team/pushed")
        self.assertEqual((r.status, r.body), (200, data))

    def test_blobs_of_members_count_as_there(self):
        layer = b"base layer from outside" * 1000
        self.push(self.origin, "lib/base", "v1", layer)
        self.get("/v2/all/lib/base/blobs/" + sha256(layer), "all/lib/base")  # now kept by the proxy
        c = self.puller("all/lib/base", "pull,push")
        self.assertEqual(c.request("HEAD", "/v2/all/lib/base/blobs/" + sha256(layer)).status, 200)
        config = c.push_blob("all/lib/base", cove.CONFIG)
        r, _ = c.push_manifest("all/lib/base", "mine", cove.image([sha256(layer)], [len(layer)], config))
        self.assertEqual(r.status, 201, r.body)
        self.assertEqual(self.get("/v2/own/lib/base/manifests/mine", "own/lib/base").status, 200)

    def test_tags_are_merged(self):
        self.push(self.origin, "lib/merged", "public")
        self.push(self.origin, "lib/merged", "v1")
        self.cove.command("namespace", "create", "merging", "group", "members=own mirror", "fall_through=true", "writable=own")
        self.push(self.cove, "own/lib/merged", "v1")
        self.push(self.cove, "own/lib/merged", "own")
        r = self.get("/v2/merging/lib/merged/tags/list", "merging/lib/merged")
        self.assertEqual(r.json(), {"name": "merging/lib/merged", "tags": ["own", "public", "v1"]})
        r = self.get("/v2/all/lib/merged/tags/list", "all/lib/merged")  # not past the own repository
        self.assertEqual(r.json()["tags"], ["own", "v1"])

    def test_catalog_of_a_group(self):
        self.push(self.origin, "cat/public", "v1")
        self.push(self.cove, "own/cat/own", "v1")
        self.push(self.cove, "cat/root", "v1")
        self.get("/v2/mirror/cat/public/manifests/v1", "mirror/cat/public")
        self.cove.command("namespace", "create", "apart", "hosted", "online=false")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.cove.command("namespace", "create", "viewed", "group", "members=own / apart mirror", "listener=https", f"port={port}")
        main, self.cove.port = self.cove.port, port
        try:
            names = []
            for _ in range(100):  # the listener comes with the next look of the main thread
                try:
                    c = self.cove.client("registry:catalog:*")
                    break
                except OSError:
                    time.sleep(0.1)
            link = "/v2/_catalog?n=1"
            while link:
                r = c.request("GET", link)
                self.assertEqual(r.status, 200, r.body)
                names += r.json()["repositories"]
                link = r["Link"] and r["Link"].split(">")[0][1:]
            self.assertIn("cat/own", names)
            self.assertIn("cat/public", names)
            self.assertEqual(names, sorted(set(names)))
            # what lies in other namespaces is not the root's, and cannot be asked for as if it were
            self.assertIn("cat/root", names)
            self.assertEqual([n for n in names if n.split("/")[0] in ("own", "mirror", "apart")], [])
        finally:
            self.cove.port = main

    def test_a_right_on_the_group_suffices(self):
        self.push(self.cove, "own/team/secret", "v1")
        self.cove.command("user", "add", "grouper", "--grant", "all/**:pull", stdin=b"grouper-password\n")
        c = self.cove.client("repository:all/team/secret:pull", user="grouper", password="grouper-password")
        self.assertEqual(c.request("GET", "/v2/all/team/secret/manifests/v1").status, 200)
        c = self.cove.client("repository:own/team/secret:pull", user="grouper", password="grouper-password")
        self.assertIn(c.request("GET", "/v2/own/team/secret/manifests/v1").status, (401, 403))

    def test_delete_in_the_member(self):
        self.push(self.cove, "own/team/gone", "v1")
        r = self.puller("all/team/gone", "pull,delete").request("DELETE", "/v2/all/team/gone/manifests/v1")
        self.assertEqual(r.status, 405)
        self.assertIn("member", r.message())


class Policies(Case):
    def push(self, name, tag, layer):
        c = self.cove.client(f"repository:{name}:pull,push")
        config = c.push_blob(name, cove.CONFIG)
        manifest = cove.image([c.push_blob(name, layer)], [len(layer)], config)
        return c.push_manifest(name, tag, manifest)[0]

    def test_redeploy_refused_but_for_latest(self):
        self.cove.command("namespace", "create", "once", "hosted", "redeploy=refused", "redeploy_except=latest dev-*")
        for tag, again in (("1.0", 403), ("latest", 201), ("dev-x", 201)):
            self.assertEqual(self.push("once/app", tag, b"first").status, 201)
            self.assertEqual(self.push("once/app", tag, b"first").status, 201)  # the same is no change
            r = self.push("once/app", tag, b"second" + tag.encode())
            self.assertEqual(r.status, again, r.body)
        self.cove.command("namespace", "change", "once", "redeploy=read-only")
        self.assertEqual(self.cove.client("repository:once/app:pull,push").request("POST", "/v2/once/app/blobs/uploads/").status, 403)
        digest = self.cove.client("repository:once/app:pull").request("HEAD", "/v2/once/app/manifests/1.0")["Docker-Content-Digest"]
        for path in ("manifests/1.0", "manifests/" + digest, "blobs/" + sha256(b"first")):
            # "If tag deletion is disabled, the registry MUST respond with either a 400 Bad Request or a 405"
            r = self.cove.client("repository:once/app:pull,delete").request("DELETE", "/v2/once/app/" + path)
            self.assertEqual((r.status, r.code(), r["Allow"]), (405, "UNSUPPORTED", "GET, HEAD"), path)
            self.assertIn("read-only", r.message())

    def test_immutable_tags(self):
        self.cove.command("namespace", "create", "fixed", "hosted", "immutable_tags=v*")
        self.assertEqual(self.push("fixed/app", "v1", b"first").status, 201)
        self.assertEqual(self.push("fixed/app", "v1", b"second").status, 403)
        self.assertEqual(self.push("fixed/app", "edge", b"second").status, 201)
        self.assertEqual(self.push("fixed/app", "edge", b"third").status, 201)
        c = self.cove.client("repository:fixed/app:pull,push,delete")
        # one of several tags is immutable: nothing of the push is stored
        other = json.dumps(cove.image([], [], sha256(cove.CONFIG), annotations={"a": "b"})).encode()
        r = c.request("PUT", f"/v2/fixed/app/manifests/{sha256(other)}?tag=free&tag=v1&tag=free2", other, {"Content-Type": cove.OCI_IMAGE})
        self.assertEqual(r.status, 403)
        for reference in ("free", "free2", sha256(other)):
            self.assertEqual(c.request("HEAD", f"/v2/fixed/app/manifests/{reference}").status, 404)
        digest = c.request("HEAD", "/v2/fixed/app/manifests/v1")["Docker-Content-Digest"]
        self.assertEqual(c.request("DELETE", f"/v2/fixed/app/manifests/{digest}").status, 405)
        self.assertEqual(c.request("DELETE", "/v2/fixed/app/manifests/v1").status, 405)
        self.assertEqual(c.request("DELETE", "/v2/fixed/app/manifests/edge").status, 202)
        # what an index under such a tag is made of
        c = self.cove.client("repository:fixed/many:pull,push,delete")
        layers = [b"layer of one", b"layer of another"]
        images = [c.push_image("fixed/many", f"x{i}", [layer]) for i, layer in enumerate(layers)]
        inner = json.dumps(cove.index([images[0][1]])).encode()
        self.assertEqual(c.push_manifest("fixed/many", "inner", inner)[0].status, 201)
        outer = cove.index([inner, images[1][1]])
        outer["manifests"][0]["mediaType"] = cove.OCI_INDEX
        outer = json.dumps(outer).encode()
        self.assertEqual(c.push_manifest("fixed/many", "v1", outer)[0].status, 201)
        for tag in ("x0", "x1", "inner"):
            self.assertEqual(c.request("DELETE", "/v2/fixed/many/manifests/" + tag).status, 202)
        for digest in (images[0][0], images[1][0], sha256(inner), sha256(outer)):
            r = c.request("DELETE", "/v2/fixed/many/manifests/" + digest)
            self.assertEqual(r.status, 405, r.body)
            self.assertIn("v1 is immutable", r.message())
        for layer in layers:
            self.assertEqual(c.request("DELETE", "/v2/fixed/many/blobs/" + sha256(layer)).status, 405)

    def test_sparse_manifests(self):
        """An attribute of the namespace that is written to, also when the push comes through a group."""
        self.cove.command("namespace", "create", "sparse", "hosted", "sparse_manifests=true")
        self.cove.command("namespace", "create", "strict", "hosted")
        self.cove.command("namespace", "create", "to-sparse", "group", "members=strict sparse", "writable=sparse")
        self.cove.command("namespace", "create", "to-strict", "group", "members=sparse strict", "writable=strict")
        for name, status in (("sparse", 201), ("to-sparse", 201), ("strict", 404), ("to-strict", 404)):
            c = self.cove.client(f"repository:{name}/app:pull,push")
            r, data = c.push_manifest(f"{name}/app", "part", cove.index([b"never pushed"]))
            self.assertEqual(r.status, status, name)

    def test_quota(self):
        self.cove.command("namespace", "create", "small", "hosted", "quota=1MiB")
        self.assertEqual(self.push("small/app", "v1", b"a" * 600000).status, 201)
        c = self.cove.client("repository:small/app:pull,push")
        r = c.request("POST", "/v2/small/app/blobs/uploads/")
        r = c.request("PUT", cove.add_digest(r["Location"], sha256(b"b" * 600000)), b"b" * 600000)
        self.assertEqual(r.status, 403)
        self.assertIn("quota", r.message())
        self.assertEqual(self.push("small/app", "v2", b"a" * 600000).status, 201)  # a blob counts once
