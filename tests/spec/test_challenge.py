"""Who is asked for what: Basic or a token by User-Agent, what is open to nobody, and what a connection has proven."""
import base64, json, time, urllib.parse
from cove import Case, Client, CONFIG, Listener, free_port, sha256

# as the clients send them
BASIC = (
    "containerd/1.6.20~ds1", "containerd/1.7.24~ds1", "containerd/2.1.9+unknown", "containerd/2.4.0-beta+unknown",  # ctr, CRI, nerdctl
    "containerd/1.6.20+unknown",  # BuildKit in dockerd 20.10; buildx imagetools
    "buildkit/v0.0-dev", "buildkit/v0.33",
    "docker/26.1.5+dfsg1 go/go1.24.4 git-commit/411e817 kernel/6.12 os/linux arch/amd64 containerd-client/1.7.24+unknown"
    " storage-driver/overlayfs UpstreamClient(Docker-Client/26.1.5+dfsg1 \\(linux\\))",
    "docker/29.5.0 go/go1.26 os/linux arch/amd64 containerd-client/2.3.5+unknown storage-driver/overlayfs UpstreamClient(Go-http-client/1.1)",
)
BEARER = (
    None, "",
    "docker/20.10.24+dfsg1 go/go1.19.8 git-commit/5d6db84 kernel/6.1 os/linux arch/amd64 UpstreamClient(Docker-Client/20.10.24+dfsg1 \\(linux\\))",
    "docker/28.5.2+dfsg4 go/go1.27.1 kernel/6.12 os/linux arch/amd64 UpstreamClient(compose/2.40.3-3)",
    "Docker-Client/28.5.2+dfsg4 (linux)", "Go-http-client/1.1",
    "containers/5.39.2 (github.com/containers/image)", "skopeo/1.22.0", "Buildah/1.43.2",
    "go-containerregistry", "ko/v0.19.1 go-containerregistry/v0.21.7", "cosign/devel (linux; amd64) go-containerregistry", "kaniko/unset",
    "oras/1.3.6", "Helm/4.3", "notation/v1.3.2+unreleased", "regclient/regsync (v0.11.7)",
    "jib 3.5.2 jib-maven-plugin Google-HTTP-Java-Client/1.42.2 (gzip)", "curl/8.14.1",
    "x containerd/2.1.9", "Containerd/2.1.9", "buildkit", "mycontainerd-client-2",
)
AS_BASIC = ['Basic realm="cove"']


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Challenge(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        c = cls.cove
        c.command("user", "add", "ro", "--grant", "team/**:pull", stdin=b"some-password\n")
        c.command("user", "grant", "anonymous", "public/**", "pull")
        for name in ("team/app", "public/app"):
            c.client(f"repository:{name}:pull,push").push_image(name, "1")

    def setUp(self):
        self.connection = Client(self.cove)

    def tearDown(self):
        self.connection.close()

    def ask(self, method, target, agent=BASIC[0], authorization=None):
        return self.connection.request(method, target, headers={"User-Agent": agent, "Authorization": authorization})

    def realm(self, scope=""):
        return f'Bearer realm="https://127.0.0.1:{self.cove.port}/token",service="cove"' + (f',scope="{scope}"' if scope else "")

    def test_form_by_user_agent(self):
        requests = (("GET", "/v2/", ""), ("GET", "/v2/_catalog", "registry:catalog:*"),
                    ("HEAD", "/v2/team/app/manifests/1", "repository:team/app:pull"),
                    ("GET", "/v2/team/app/manifests/1", "repository:team/app:pull"),
                    ("HEAD", "/v2/public/app/blobs/" + sha256(CONFIG), "repository:public/app:pull"),
                    ("POST", "/v2/team/app/blobs/uploads/", "repository:team/app:pull,push"),
                    ("DELETE", "/v2/team/app/manifests/1", "repository:team/app:delete"))
        for method, target, scope in requests:
            for agent in BASIC:
                r = self.ask(method, target, agent)
                self.assertEqual((r.status, r.all("WWW-Authenticate")), (401, AS_BASIC), (method, target, agent))
            for agent in BEARER:
                r = self.ask(method, target, agent)
                self.assertEqual((r.status, r.all("WWW-Authenticate")), (401, [self.realm(scope)]), (method, target, agent))

    def test_who_has_a_token_is_asked_for_one(self):
        """Whatever the User-Agent; also nobody with a token, and one that is no token of ours."""
        for token in ("a.b.c", self.cove.token(anonymous=True), self.cove.token(user="ro", password="some-password")):
            for agent in BASIC:
                r = self.ask("POST", "/v2/team/app/blobs/uploads/", agent, "Bearer " + token)
                self.assertEqual(r.status, 401)
                self.assertEqual(len(r.all("WWW-Authenticate")), 1)
                self.assertIn(self.realm("repository:team/app:pull,push"), r["WWW-Authenticate"])

    def test_right_password_and_key(self):
        key = self.cove.command("key", "create", "ro").strip()
        for agent in BASIC + BEARER:
            for password in ("some-password", key):
                r = self.ask("GET", "/v2/team/app/manifests/1", agent, basic("ro", password))
                self.assertEqual(r.status, 200)
                r = self.ask("POST", "/v2/team/app/blobs/uploads/", agent, basic("ro", password))
                self.assertEqual((r.status, r.code(), r.all("WWW-Authenticate")), (403, "DENIED", []))
                self.assertEqual(r.message(), "ro has no right to push on team/app: ask the owner of this registry for it")

    def test_wrong_password(self):
        """403 to those that would send it four times more; the others are asked again."""
        for credential, said in ((basic("ro", "wrong"), "wrong user name or password"), (basic("ro", "cove_k_none"), "wrong user name or password"),
                                 ("Basic %%%", "the Basic credentials are malformed: send base64 of user:password")):
            for method, target in (("GET", "/v2/"), ("GET", "/v2/team/app/manifests/1"), ("GET", "/v2/public/app/manifests/1"),
                                   ("POST", "/v2/team/app/blobs/uploads/")):
                for agent in BASIC:
                    r = self.ask(method, target, agent, credential)
                    self.assertEqual((r.status, r.code(), r.message(), r.all("WWW-Authenticate")), (403, "UNAUTHORIZED", said, []))
                for agent in BEARER:
                    r = self.ask(method, target, agent, credential)
                    self.assertEqual((r.status, r.code(), r.message(), len(r.all("WWW-Authenticate"))), (401, "UNAUTHORIZED", said, 1))
        # where tokens and the JSON API are had, it is 401 to everybody
        for target in ("/token?service=cove", "/api/v1/me"):
            r = self.ask("GET", target, BASIC[0], basic("ro", "wrong"))
            self.assertEqual((r.status, r.all("WWW-Authenticate")), (401, AS_BASIC), target)

    def test_head_of_a_manifest_is_as_get(self):
        for target in ("/v2/public/app/manifests/1", "/v2/public/app/tags/list", "/v2/public/app/referrers/" + sha256(b"x")):
            for agent in BASIC + BEARER:
                self.assertEqual((self.ask("GET", target, agent).status, self.ask("HEAD", target, agent).status), (200, 200), target)
        blob = "/v2/public/app/blobs/" + sha256(CONFIG)
        self.assertEqual(self.ask("GET", blob).status, 200)
        self.assertEqual(self.ask("HEAD", blob).status, 401)  # a push begins with it

    def test_neither_user_nor_password_is_nobody(self):
        for agent in (BASIC[0], BEARER[2]):
            r = self.ask("GET", "/v2/public/app/manifests/1", agent, "Basic Og==")
            self.assertEqual(r.status, 200)
            self.assertEqual(self.ask("GET", "/v2/", agent, "Basic Og==").status, 401)
            r = self.ask("GET", "/token?service=cove&scope=repository:public/app:pull", agent, "Basic Og==")
            self.assertEqual(r.status, 200)
            token = "Bearer " + r.json()["token"]
            self.assertEqual(self.ask("GET", "/v2/public/app/manifests/1", agent, token).status, 200)
            self.assertEqual(self.ask("GET", "/v2/team/app/manifests/1", agent, token).status, 401)
            self.assertEqual(self.ask("GET", "/api/v1/me", agent, "Basic Og==").status, 401)
        users = {r["user"] for r in json.loads(self.cove.command("audit", "--json", "--refused"))}
        self.assertNotIn("", users)  # no failed login


class Proven(Case):
    """What a connection has proven is not throttled on it. A server of its own: its accounts are under attack."""
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cove.command("user", "add", "ann", "--grant", "**:pull", stdin=b"some-password\n")

    def connection(self, password="some-password"):
        c = Client(self.cove)
        c.auth = basic("ann", password)
        return c

    def attack(self):
        """Until ann is not heard from this address; then for a moment at least."""
        c = Client(self.cove)
        for i in range(40):
            r = c.request("GET", "/v2/", headers={"Authorization": basic("ann", f"guess {i}")})
            if r.status == 429 and int(r["Retry-After"]) > 10:
                return
            if r.status == 429:
                time.sleep(int(r["Retry-After"]))
        self.fail("guesses are not throttled")

    def test_on_its_connection_only(self):
        pushing, other = self.connection(), self.connection()
        self.assertEqual(pushing.request("GET", "/v2/").status, 200)
        self.attack()
        for _ in range(3):
            self.assertEqual(pushing.request("GET", "/v2/").status, 200)
        self.assertEqual(other.request("GET", "/v2/").status, 429)
        # one credential: where many people come over one connection it is no way to guess
        self.assertEqual(pushing.request("GET", "/v2/", headers={"Authorization": basic("ann", "other guess")}).status, 429)
        self.assertEqual(pushing.request("GET", "/v2/").status, 429)


class Ends(Case):
    """What a connection has proven ends with the user, and with the password."""

    def test_at_once(self):
        c = self.cove
        for name, change, stdin in (("ann", ("disable", "ann"), b""), ("bob", ("passwd", "bob"), b"another-password\n"),
                                    ("carl", ("remove", "carl"), b"")):
            c.command("user", "add", name, "--grant", "team/**:pull", stdin=b"some-password\n")
            client = Client(c)
            client.auth = basic(name, "some-password")
            self.assertEqual(client.request("GET", "/v2/team/app/tags/list").status, 404)
            c.command("user", "revoke", name, "team/**")
            self.assertEqual(client.request("GET", "/v2/team/app/tags/list").status, 403)
            self.assertEqual(client.request("GET", "/v2/").status, 200)
            c.command("user", *change, stdin=stdin)
            self.assertEqual(client.request("GET", "/v2/").status, 401, change)


class Mirrors(Case):
    """The own port or host of what takes no pushes and is open to all."""
    flags = ("--names", "127.0.0.1,hub.test,half.test")

    def base(self, at, **headers):
        return Client(at).request("GET", "/v2/", headers=headers)

    def test_base_of_an_open_proxy(self):
        c = self.cove
        ports = {name: free_port() for name in ("hub", "some", "closed", "team", "all", "mine", "off")}
        proxy = ("upstream=https://registry-1.docker.io", "upstream_names=none")
        for name in ("hub", "some", "closed", "off"):
            c.command("namespace", "create", name, "proxy", *proxy, "listener=https", f"port={ports[name]}", *(["host=hub.test"] if name == "hub" else []))
        c.command("namespace", "create", "team", "hosted", "listener=https", f"port={ports['team']}")
        c.command("namespace", "create", "all", "group", "members=hub", "listener=https", f"port={ports['all']}")
        c.command("namespace", "create", "mine", "group", "members=team hub", "writable=team", "listener=https", f"port={ports['mine']}")
        at = {name: Listener(c, port).wait() for name, port in ports.items()}
        self.assertEqual(self.base(at["hub"]).status, 401)
        for pattern in ("hub/**", "some/library/**", "some/*", "team/**", "all/**", "mine/**", "off/**"):
            c.command("user", "grant", "anonymous", pattern, "pull")
        c.command("namespace", "change", "off", "online=false")
        wanted = {"hub": 200, "some": 401, "closed": 401, "team": 401, "all": 200, "mine": 401, "off": 401}
        self.assertEqual({name: self.base(at[name]).status for name in at}, wanted)
        self.assertEqual(Client(at["hub"]).request("HEAD", "/v2/").status, 200)
        self.assertEqual(self.base(c).status, 401)
        self.assertEqual(self.base(c, Host=f"hub.test:{c.port}").status, 200)
        self.assertEqual(self.base(c, Host=f"half.test:{c.port}").status, 401)
        # who shows something is looked at
        self.assertEqual(self.base(at["hub"], Authorization=basic("admin", c.password)).status, 200)
        self.assertEqual(self.base(at["hub"], Authorization=basic("someone", "of-docker-hub")).status, 401)
        c.command("user", "disable", "anonymous")
        self.assertEqual(self.base(at["hub"]).status, 401)
        c.command("user", "enable", "anonymous")

    def test_credentials_of_the_registry_that_a_mirror_stands_for(self):
        """Where all may pull they are not looked at; a login, and what asks for more, is refused."""
        c = self.cove
        port = free_port()
        c.command("namespace", "create", "quay.io", "proxy", "upstream=https://quay.invalid", "upstream_names=quay.io", "listener=https", f"port={port}", "host=half.test")
        c.command("user", "grant", "anonymous", "quay.io/open/**", "pull")
        c.command("user", "add", "ann", "--grant", "quay.io/**:pull", stdin=b"some-password\n")
        own = Listener(c, port).wait()
        foreign, agent = basic("ann", "of-the-other-registry"), "docker/28.5.2 go/go1.27 UpstreamClient(Docker-Client/28.5.2)"
        ways = ((own, "", {}), (c, "&ns=quay.io", {}), (c, "", {"Host": f"half.test:{c.port}"}))

        def token(at, query, more, authorization=foreign):
            return Client(at).request("GET", "/token?service=cove&account=ann" + query, headers={"Authorization": authorization, "User-Agent": agent, **more})

        def post(at, ns, more, **form):
            form = {"grant_type": "password", "username": "ann", "password": "of-the-other-registry", "service": "cove", **form}
            return Client(at).request("POST", "/token?" + ns[1:], urllib.parse.urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded", **more})

        for at, ns, more in ways:
            for r in (token(at, "&scope=repository:open/app:pull" + ns, more), post(at, ns, more, scope="repository:open/app:pull"),
                      token(at, "&scope=repository:open/app:pull&scope=repository:open/b:pull" + ns, more)):
                self.assertEqual(r.status, 200, (ns, more, r.body))
                claims = json.loads(base64.urlsafe_b64decode(r.json()["token"].split(".")[1] + "=="))
                self.assertEqual(claims["sub"], "")
                self.assertIn("repository:quay.io/open/app:pull", claims["scope"])
        for at, ns, more in ways:  # each of them once for all: it is one wrong password
            for scope in ("", "&scope=repository:closed/app:pull", "&scope=repository:open/app:pull,push", "&scope=registry:catalog:*",
                          "&scope=repository:open/app:pull&scope=repository:closed/app:pull"):
                self.assertEqual(token(at, scope + ns, more).status, 401, scope)
            self.assertEqual(post(at, ns, more).status, 401)
        # by prefix they are for this registry
        self.assertEqual(token(c, "&scope=repository:quay.io/open/app:pull", {}).status, 401)
        # whose password is right is somebody where that is needed
        right = basic("ann", "some-password")
        claims = token(own, "&scope=repository:closed/app:pull", {}, right).json()["token"].split(".")[1]
        self.assertEqual(json.loads(base64.urlsafe_b64decode(claims + "=="))["sub"], "ann")
        for agent in (BASIC[2], BEARER[3]):
            for at, ns, more in ways:
                fields = {"Authorization": foreign, "User-Agent": agent, **more}
                for method in ("GET", "HEAD"):  # the upstream cannot be reached: that is not what is asked here
                    for target in ("manifests/1", "blobs/" + sha256(CONFIG)):
                        r = Client(at).request(method, f"/v2/open/app/{target}?{ns[1:]}", headers=fields)
                        self.assertEqual(r.status, 504, r.body)
                r = Client(at).request("GET", f"/v2/closed/app/manifests/1?{ns[1:]}", headers=fields)
                self.assertIn(r.status, (401, 403))


class Everybody(Case):
    def test_who_is_logged_in_may_do_what_nobody_may(self):
        c = self.cove
        for name in ("public/app", "team/app", "read/app"):
            c.client(f"repository:{name}:pull,push").push_image(name, "1")
        c.command("user", "grant", "anonymous", "public/**", "pull")
        c.command("role", "add", "reading", "--grant", "read/**:pull")
        c.command("user", "role", "anonymous", "reading")
        c.command("user", "add", "ann", "--grant", "team/**:pull", stdin=b"some-password\n")
        c.command("user", "add", "bot", "--robot")
        wide = c.command("key", "create", "bot").strip()
        narrow = c.command("key", "create", "bot", "--grant", "team/**:pull").strip()

        def may(user, password, name):
            """By Basic and by a token alike."""
            header = {"Authorization": basic(user, password)}
            got = {Client(c).request("GET", f"/v2/{name}/manifests/1", headers=header).status == 200,
                   c.client(f"repository:{name}:pull", user=user, password=password).request("GET", f"/v2/{name}/manifests/1").status == 200}
            self.assertEqual(len(got), 1)
            return got.pop()

        wanted = {("ann", "some-password"): "public read team", ("bot", wide): "public read", ("bot", narrow): ""}
        for (user, password), names in wanted.items():
            self.assertEqual([n for n in ("public", "read", "team") if may(user, password, n + "/app")], names.split())
        r = Client(c).request("GET", "/v2/_catalog", headers={"Authorization": basic("bot", wide)})
        self.assertEqual(r.json()["repositories"], ["public/app", "read/app"])
        self.assertIn("pull by the grant public/** of anonymous", c.command("can", "ann", "pull", "public/app"))
        self.assertIn("pull by the grant read/** of anonymous", c.command("can", "bot", "pull", "read/app", "--key", "1"))
        self.assertIn("the grants of the key 2 do not allow it", c.command("can", "bot", "pull", "read/app", "--key", "2", status=1))
        self.assertIn("pull: no grant of bot or its roles allows it", c.command("can", "bot", "pull", "team/app", status=1))
        c.command("user", "disable", "anonymous")
        self.assertFalse(may("ann", "some-password", "public/app"))
        c.command("can", "ann", "pull", "public/app", status=1)
