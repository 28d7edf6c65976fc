"""Where names lead: prefixes, listeners, host names, ?ns=; tokens and challenges that fit; changes while it runs."""
import json, re, socket, ssl, urllib.parse
from cove import Case, Client, Listener, Raw, eventually, free_port


def challenge(r):
    return dict(re.findall(r'(\w+)="([^"]*)"', r["WWW-Authenticate"]))


class Names(Case):
    """One server with a namespace of each kind, and each way to reach them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ports = [free_port() for _ in range(3)]
        c = cls.cove
        c.command("namespace", "create", "team", "hosted", "listener=https", f"port={cls.ports[0]}", "host=team.local")
        c.command("namespace", "create", "plain", "hosted", "listener=http", f"port={cls.ports[1]}")
        c.command("namespace", "create", "docker.io", "proxy", "upstream=docker.io", "offline=true")
        c.command("namespace", "create", "ghcr.io", "proxy", "upstream=ghcr.io", "online=false")
        c.command("namespace", "create", "all", "group", "members=team / docker.io", "writable=team",
                  "listener=https", f"port={cls.ports[2]}")
        cls.team = Listener(c, cls.ports[0]).wait()
        cls.plain = Listener(c, cls.ports[1], plain=True).wait()
        cls.all = Listener(c, cls.ports[2]).wait()

    def setUp(self):
        self.anyone = Client(self.cove)

    def pushed(self, where, name, tag="1", **who):
        c = where.client(f"repository:{name}:pull,push", **who)
        return c, c.push_image(name, tag)

    def test_prefix(self):
        c, (digest, data) = self.pushed(self.cove, "team/app")
        self.assertEqual(c.request("GET", "/v2/team/app/manifests/1").body, data)
        self.assertEqual(c.request("GET", "/v2/team/app/tags/list").json(), {"name": "team/app", "tags": ["1"]})
        shown = json.loads(self.cove.command("namespace", "list", "--json"))
        self.assertEqual([n["name"] for n in shown], ["", "all", "docker.io", "ghcr.io", "plain", "team"])

    def test_the_name_of_a_namespace_is_no_repository(self):
        r = self.cove.client("repository:team:pull").request("GET", "/v2/team/manifests/1")
        self.assertEqual((r.status, r.code()), (400, "NAME_INVALID"))
        self.assertIn("team/app", r.message())

    def test_names_too_long_for_their_namespace(self):
        c = self.team.client()
        r = c.request("GET", f"/v2/{'a' * 251}/tags/list")
        self.assertEqual((r.status, r.code()), (400, "NAME_INVALID"))

    def test_switched_off(self):
        r = self.anyone.request("GET", "/v2/ghcr.io/x/y/manifests/1")
        self.assertEqual(r.status, 503)
        self.assertIn("switched off", r.message())
        self.assertEqual(self.anyone.request("GET", "/v2/x/y/manifests/1?ns=ghcr.io").status, 503)

    def test_listener(self):
        """Names need no prefix there, and get none in anything the client is told."""
        r = Client(self.team).request("GET", "/v2/lib/app/manifests/1")
        self.assertEqual(r.status, 401)
        self.assertEqual(challenge(r)["realm"], f"https://127.0.0.1:{self.team.port}/token")
        self.assertEqual(challenge(r)["scope"], "repository:lib/app:pull")
        self.assertEqual(r.json()["errors"][0]["detail"][0]["Name"], "lib/app")

        c, (digest, data) = self.pushed(self.team, "lib/app")
        self.assertEqual(c.request("POST", "/v2/lib/app/blobs/uploads/")["Location"][:24], "/v2/lib/app/blobs/upload")
        self.assertEqual(c.request("GET", f"/v2/lib/app/manifests/{digest}").body, data)
        self.assertEqual(c.request("GET", "/v2/lib/app/tags/list").json(), {"name": "lib/app", "tags": ["1"]})
        # the same under its full name on the main port, with the same token
        full = Client(self.cove)
        full.auth = c.auth
        self.assertEqual(full.request("GET", f"/v2/team/lib/app/manifests/{digest}").body, data)
        self.assertEqual(full.request("GET", "/v2/lib/app/manifests/1").status, 401)

    def test_pages_of_tags_keep_the_name(self):
        c, _ = self.pushed(self.team, "paged", "a")
        self.pushed(self.team, "paged", "b")
        self.assertIn("</v2/paged/tags/list?n=1", c.request("GET", "/v2/paged/tags/list?n=1")["Link"])

    def test_host(self):
        self.pushed(self.cove, "team/by-host")
        # the certificate gets the name while the server runs
        context = ssl.create_default_context(cafile=self.cove.ca)

        def knows_the_name():
            try:
                with socket.create_connection(("127.0.0.1", self.cove.port), timeout=30) as raw:
                    with context.wrap_socket(raw, server_hostname="team.local"):
                        return True
            except ssl.SSLError:
                return False

        eventually(knows_the_name, "a certificate for team.local")
        host = {"Host": f"team.local:{self.cove.port}"}
        r = self.anyone.request("GET", "/v2/by-host/manifests/1", headers=host)
        self.assertEqual(challenge(r)["realm"], f"https://team.local:{self.cove.port}/token")
        query = urllib.parse.urlencode({"scope": challenge(r)["scope"], "service": "cove"})
        r = self.anyone.request("GET", "/token?" + query, headers={**host, "Authorization": self.cove.basic()})
        self.anyone.auth = "Bearer " + r.json()["token"]
        self.assertEqual(self.anyone.request("GET", "/v2/by-host/manifests/1", headers=host).status, 200)

    def test_ns(self):
        r = self.anyone.request("GET", "/v2/library/nginx/manifests/1?ns=docker.io")
        self.assertEqual((r.status, r["OCI-Namespace"]), (401, "docker.io"))
        # the realm says ?ns= too: so the token is for what the request means
        self.assertEqual(challenge(r)["realm"], f"https://127.0.0.1:{self.cove.port}/token?ns=docker.io")
        self.assertEqual(challenge(r)["scope"], "repository:library/nginx:pull")
        r = self.anyone.request("GET", "/v2/?ns=docker.io")  # all that k3s looks at
        self.assertEqual(challenge(r)["realm"], f"https://127.0.0.1:{self.cove.port}/token?ns=docker.io")
        c = self.cove.client("repository:docker.io/library/nginx:pull")
        for target in ("/v2/library/nginx/manifests/1?ns=docker.io", "/v2/nginx/manifests/1?ns=registry-1.docker.io",
                       "/v2/docker.io/nginx/manifests/1", "/v2/docker.io/library/nginx/manifests/1"):
            self.assertNotIn(c.request("GET", target).status, (401, 403), target)

    def by_challenge(self, where, target):
        """The answer, with the token that the challenge of that very request leads to."""
        c = Client(where)
        said = challenge(c.request("GET", target))
        self.assertTrue(said["realm"].startswith(f"https://127.0.0.1:{where.port}/token"))
        query = urllib.parse.urlencode({"scope": said["scope"], "service": said["service"]})
        address = urllib.parse.urlsplit(said["realm"])
        r = c.request("GET", "/token?" + "&".join(q for q in (address.query, query) if q), headers={"Authorization": where.basic()})
        c.auth = "Bearer " + r.json()["token"]
        return c.request("GET", target)

    def test_ns_on_every_listener(self):
        """A port of one namespace gives nobody its image in place of another registry's."""
        for where in (self.cove, self.team, self.all):
            r = self.by_challenge(where, "/v2/library/nginx/manifests/1?ns=docker.io")
            self.assertNotIn(r.status, (401, 403))
            self.assertEqual(r["OCI-Namespace"], "docker.io")
            # the prefix beside it
            r = self.by_challenge(where, "/v2/docker.io/library/nginx/manifests/1?ns=docker.io")
            self.assertNotIn(r.status, (401, 403))
            self.assertEqual(r["OCI-Namespace"], "docker.io")
        self.pushed(self.team, "owner/image")
        for target in ("/v2/owner/image/manifests/1?ns=quay.io", "/v2/owner/image/manifests/1?ns=docker.io"):
            c = self.team.client("repository:owner/image:pull")
            self.assertEqual(c.request("GET", target).status, 404 if "quay" in target else 401, target)
        r = self.by_challenge(self.team, f"/v2/owner/image/manifests/1?ns=127.0.0.1:{self.team.port}")
        self.assertEqual((r.status, r["OCI-Namespace"]), (200, None))

    def test_ns_of_nobody_and_of_ourselves(self):
        r = self.anyone.request("GET", "/v2/library/nginx/manifests/1?ns=quay.io")
        self.assertEqual((r.status, r.code()), (404, "NAME_UNKNOWN"))
        self.assertIsNone(r["OCI-Namespace"])
        self.pushed(self.cove, "ours")
        c = self.cove.client("repository:ours:pull")
        r = c.request("GET", f"/v2/ours/manifests/1?ns=127.0.0.1:{self.cove.port}")
        self.assertEqual((r.status, r["OCI-Namespace"]), (200, None))

    def test_plain_listener(self):
        r = Client(self.plain).request("GET", "/v2/")
        self.assertEqual(challenge(r)["realm"], f"http://127.0.0.1:{self.plain.port}/token")
        # a proxy that speaks TLS stands in front
        r = Client(self.plain).request("GET", "/v2/", headers={"X-Forwarded-Proto": "https", "Host": "registry.example"})
        self.assertEqual(challenge(r)["realm"], "https://registry.example/token")
        # and its certificate is not by our CA, so clients need only the login
        for proto, needs_ca in (("https", False), ("http", True)):
            page = Client(self.plain).request("GET", "/", headers={"X-Forwarded-Proto": proto, "Host": "registry.example"}).body.decode()
            self.assertEqual("certs.d" in page, needs_ca, page)
            self.assertIn("docker login registry.example", page)
        c, (digest, data) = self.pushed(self.plain, "app")
        self.assertEqual(c.request("GET", "/v2/app/manifests/1").body, data)
        self.assertEqual(c.request("GET", "/v2/app/manifests/1").body, data)  # on a kept connection
        full = self.cove.client("repository:plain/app:pull")
        self.assertEqual(full.request("GET", "/v2/plain/app/manifests/1").body, data)
        self.assertIn("listener.plain", self.cove.read_log())
        for where in (self.cove, self.plain):  # the page warns too, and tells no names
            page = Client(where).request("GET", "/").body.decode()
            self.assertRegex(page, rf"Warning: plain HTTP is open on port {self.plain.port}\.")
            self.assertNotIn("team", page)

    def test_no_other_port_is_plain(self):
        for port in (self.cove.port, self.team.port):
            r = Client(Listener(self.cove, port, plain=True)).request("GET", "/v2/")
            self.assertEqual(r.status, 400)
            self.assertIn("https", r.message())

    def test_tokens_of_a_listener(self):
        """What is asked for by the listener's names is granted by full names; the answer to POST has the former."""
        c = Client(self.team)
        form = urllib.parse.urlencode({"grant_type": "password", "username": "admin", "password": self.cove.password,
                                       "service": "cove", "client_id": "test",
                                       "scope": "repository:x/y:pull,push repository:NOT:pull"})
        r = c.request("POST", "/token", form.encode(), {"Content-Type": "application/x-www-form-urlencoded"})
        self.assertEqual(r.json()["scope"], "repository:x/y:pull,push")
        c.auth = "Bearer " + r.json()["token"]
        c.push_image("x/y", "1")
        main = Client(self.cove)
        main.auth = c.auth
        self.assertEqual(main.request("GET", "/v2/team/x/y/tags/list").status, 200)
        self.assertEqual(main.request("GET", "/v2/x/y/tags/list").status, 401)

    def test_rights_are_those_of_full_names(self):
        self.cove.command("user", "add", "tina", "--grant", "team/**:pull,push", stdin=b"tina-password\n")
        who = {"user": "tina", "password": "tina-password"}
        c, _ = self.pushed(self.team, "mine", **who)
        self.assertEqual(c.request("GET", "/v2/mine/tags/list").status, 200)
        c = self.plain.client("repository:mine:pull", **who)
        self.assertEqual(c.request("GET", "/v2/mine/tags/list").status, 401)
        self.cove.command("user", "grant", "anonymous", "team/public/**", "pull")
        self.pushed(self.team, "public/x")
        self.assertEqual(Client(self.team).request("GET", "/v2/public/x/tags/list").status, 200)
        self.assertEqual(self.anyone.request("GET", "/v2/public/x/tags/list").status, 401)

    def test_mount_by_a_listener(self):
        c = self.team.client("repository:source:pull,push", "repository:target:pull,push")
        digest = c.push_blob("source", b"moved about")
        r = c.request("POST", f"/v2/target/blobs/uploads/?mount={digest}&from=source")
        self.assertEqual((r.status, r["Location"]), (201, f"/v2/target/blobs/{digest}"))
        c = self.team.client("repository:target:pull,push")
        r = c.request("POST", f"/v2/target/blobs/uploads/?mount={digest}&from=source")
        self.assertEqual(challenge(r)["scope"], "repository:target:pull,push repository:source:pull")

    def test_catalog_of_a_listener(self):
        self.pushed(self.plain, "b/one")
        self.pushed(self.plain, "b/two")
        c = self.plain.client("registry:catalog:*")
        self.assertEqual([n for n in c.request("GET", "/v2/_catalog").json()["repositories"] if n.startswith("b/")],
                         ["b/one", "b/two"])
        self.assertEqual(c.request("GET", "/v2/_catalog?last=b/one").json()["repositories"], ["b/two"])
        r = c.request("GET", "/v2/_catalog?last=b&n=1")
        self.assertEqual(r.json()["repositories"], ["b/one"])
        self.assertIn("last=b%2Fone", r["Link"])
        everything = self.cove.client("registry:catalog:*").request("GET", "/v2/_catalog").json()["repositories"]
        self.assertIn("plain/b/one", everything)
        for user, grant, names in (("before", "a/**:pull", []), ("within", "plain/b/t*:pull", ["b/two"]), ("behind", "z/**:pull", [])):
            self.cove.command("user", "add", user, "--grant", grant, stdin=b"a-password\n")
            r = self.plain.client("registry:catalog:*", user=user, password="a-password").request("GET", "/v2/_catalog")
            self.assertEqual((r.json()["repositories"], r["Link"]), (names, None), user)


class Changes(Case):
    def namespace(self, *args, **more):
        return self.cove.command("namespace", *args, **more)

    def test_repositories_come_and_go_with_a_hosted_one(self):
        c = self.cove.client("repository:moved/app:pull,push")
        _, data = c.push_image("moved/app", "1")
        self.namespace("create", "moved", "hosted")
        self.assertEqual(c.request("GET", "/v2/moved/app/manifests/1").body, data)
        self.namespace("create", "moved/inner", "hosted")
        self.namespace("remove", "moved")
        self.assertEqual(c.request("GET", "/v2/moved/app/manifests/1").body, data)
        out = self.namespace("create", "moved", "group", status=2)
        self.assertIn("1 repositories", out)
        self.namespace("create", "moved", "hosted")
        self.namespace("remove", "moved", "--purge")
        self.assertEqual(c.request("GET", "/v2/moved/app/manifests/1").status, 404)

    def test_a_listener_follows(self):
        here = Listener(self.cove, free_port())
        self.namespace("create", "follows", "hosted", "listener=https", f"port={here.port}")
        here.wait()
        kept = here.client("repository:app:pull,push")
        kept.push_image("app", "1")
        # where the port was, its names must not lead elsewhere on connections that are still open
        self.namespace("change", "follows", "listener=", "port=")
        self.assertEqual(kept.request("GET", "/v2/app/manifests/1").status, 503)
        here.wait(is_open=False)
        # and plain from now on
        self.namespace("change", "follows", "listener=http", f"port={here.port}")
        here.wait()
        plain = Listener(self.cove, here.port, plain=True)
        eventually(lambda: Client(plain).request("GET", "/v2/").status == 401, "the API in plain")
        self.namespace("remove", "follows")
        here.wait(is_open=False)

    def test_a_port_that_is_taken(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            here = Listener(self.cove, taken.getsockname()[1])
            self.namespace("create", "waits", "hosted", "listener=https", f"port={here.port}")
            eventually(lambda: "listener.refused" in self.cove.read_log(), "a line in the log")
        eventually(lambda: f"kind=https port={here.port}" in self.cove.read_log(), "the listener after all")
        self.assertEqual(Client(here.wait()).request("GET", "/v2/").status, 401)
        self.namespace("remove", "waits")

    def test_names_of_the_box_are_no_mirrors(self):
        """The main port is never a namespace's, whatever it says."""
        self.namespace("create", "greedy", "hosted", "listener=http", f"port={self.cove.port}")
        r = Client(self.cove).request("GET", "/v2/app/manifests/1")
        self.assertEqual(challenge(r)["scope"], "repository:app:pull")
        self.assertEqual(Client(Listener(self.cove, self.cove.port, plain=True)).request("GET", "/v2/").status, 400)
        self.namespace("remove", "greedy")

    def test_shown_and_refused(self):
        self.namespace("create", "shown", "proxy", "upstream=quay.io", "fresh=90m")
        self.assertEqual(json.loads(self.namespace("show", "shown", "--json"))["attributes"]["fresh"], "90m")
        self.namespace("password", "shown", stdin=b"upstream-secret\n")
        for text in (self.namespace("show", "shown"), self.namespace("list", "--json"), self.cove.read_log()):
            self.assertNotIn("upstream-secret", text)
        self.assertIn("set", self.namespace("show", "shown"))
        for args in (("create", "shown", "hosted"), ("change", "none", "online=true"), ("show", "none")):
            self.namespace(*args, status=1)
        for args in (("create", "x", "mirror"), ("create", "x", "hosted", "colour=red"), ("change", "shown", "fresh=1"),
                     ("create", "x", "proxy"), ("remove", "/"), ("create", "shown/x", "hosted"), ("change", "shown", "online")):
            self.namespace(*args, status=2)
        self.assertIn("upstream_names", self.namespace("attributes"))
        for args in (("change", "shown", "upstream=http://reg.lan:5000", "username=me"), ("change", "shown", "fresh=never")):
            self.assertIn("plain HTTP", self.namespace(*args))
        self.assertIn("plain HTTP", self.namespace("password", "shown", stdin=b"upstream-secret\n"))
        self.assertNotIn("plain HTTP", self.namespace("change", "shown", "upstream=quay.io"))
        self.namespace("change", "/", "redeploy=read-only")
        r = self.cove.client("repository:x:pull,push").request("POST", "/v2/x/blobs/uploads/")
        self.namespace("change", "/", "redeploy=")
        self.assertIn("the namespace / is read-only", r.message())
        self.assertIn("cannot issue", self.namespace("change", "shown", "host=mirror.example.com"))
        self.assertNotIn("cannot issue", self.namespace("change", "shown", "host=mirror.local"))
        self.assertIn(f"port {self.cove.port} is in use", self.namespace("change", "shown", "listener=https", f"port={self.cove.port}"))
        self.assertNotIn("is in use", self.namespace("change", "shown", "listener=https", f"port={free_port()}"))
        self.namespace("create", "around", "group", "members=shown")
        self.assertIn("member of the group around", self.namespace("remove", "shown", status=2))
        self.namespace("remove", "around")
        self.namespace("remove", "shown")
