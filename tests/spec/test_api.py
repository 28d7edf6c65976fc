"""The JSON API: every operation that the document has, by its own examples; strict bodies; who may."""
import json, time, unittest, urllib.parse
from cove import Case, Client

BASE = "/api/v1"


class Api(Case):
    def call(self, method, path, body=None, user="admin", password=None, headers=None):
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"Authorization": self.cove.basic(user, password)} if user else {}
        if data is not None:
            fields["Content-Type"] = "application/json"
        fields.update(headers or {})
        return Client(self.cove).request(method, BASE + path, data, fields)

    def document(self):
        r = Client(self.cove).request("GET", BASE + "/openapi.json")
        self.assertEqual(r.status, 200, r.body)
        return r.json()

    def check(self, document, schema, value):
        """Exactly the members that the schema names, of the types that it names."""
        if "allOf" in schema:
            schema = schema["allOf"][0]
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        types = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
        self.assertIs(type(value), types[schema["type"]], (schema, value))
        if "properties" in schema:
            self.assertLessEqual(set(schema.get("required", [])), set(value), schema)
            self.assertLessEqual(set(value), set(schema["properties"]))
            for name, member in value.items():
                self.check(document, schema["properties"][name], member)
        if "items" in schema:
            for element in value:
                self.check(document, schema["items"], element)

    def test_examples(self):
        document = self.document()
        operations = {o["operationId"]: (method, path, o)
                      for path, methods in document["paths"].items() for method, o in methods.items()}
        self.assertEqual(sorted(document["x-order"]), sorted(operations))
        tried = 0
        for id in document["x-order"]:
            method, path, o = operations[id]
            if "x-example" not in o:
                continue
            values = dict(pair.split("=", 1) for pair in o["x-example"].split())
            for p in o["parameters"]:
                if p["in"] == "path":
                    path = path.replace("{%s}" % p["name"], urllib.parse.quote(values.pop(p["name"]), safe=""))
                else:
                    self.assertNotIn("{%s}" % p["name"], path)
            self.assertLessEqual(set(values), {p["name"] for p in o["parameters"] if p["in"] == "query"})
            query = "?" + urllib.parse.urlencode(values) if values else ""
            body = o.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
            self.assertEqual("requestBody" in o, body is not None, id)
            status, reply = next((int(s), r) for s, r in o["responses"].items() if s != "default")
            self.assertEqual(self.call(method.upper(), path + query, body, user=None).status, 401, id)
            r = self.call(method.upper(), path + query, body)
            self.assertEqual(r.status, status, (id, r.body))
            if "content" in reply:
                self.assertEqual(r["Cache-Control"], "no-store")
                self.check(document, reply["content"]["application/json"]["schema"], r.json())
            else:
                self.assertEqual(r.body, b"")
            tried += 1
        self.assertGreater(tried, 35)

    def test_attributes_are_those_of_the_command(self):
        schema = self.document()["components"]["schemas"]["NamespaceAttributes"]["properties"]
        lines = self.cove.command("namespace", "attributes").splitlines()
        self.assertEqual(sorted(schema), sorted(line.split(" ")[0] for line in lines if line[0] != " "))

    def test_who_may(self):
        c = self.cove
        c.command("user", "add", "eve", stdin=b"some-password\n")
        eve = {"user": "eve", "password": "some-password"}
        self.assertEqual(self.call("GET", "/me", user=None).status, 401)
        r = self.call("GET", "/users", user=None)
        self.assertEqual((r.status, r["WWW-Authenticate"]), (401, 'Basic realm="cove"'))
        self.assertEqual(self.call("GET", "/users", **eve).status, 403)
        self.assertEqual(self.call("PUT", "/users/eve/roles/admin", **eve).status, 403)
        me = self.call("GET", "/me", **eve).json()
        self.assertEqual((me["name"], me["admin"], me["roles"]), ("eve", False, []))
        # an access token has scopes of repositories only
        bearer = {"Authorization": "Bearer " + c.token("repository:x:pull")}
        self.assertEqual(self.call("GET", "/users", headers=bearer).status, 401)
        # a key is no way to a wider key, nor a way to lock its owner out
        key = self.call("POST", "/me/keys", {"grants": [{"pattern": "x", "actions": "pull"}]}, **eve).json()["key"]
        self.assertEqual(self.call("GET", "/me", user="eve", password=key).status, 200)
        for method, path, body in (("POST", "/me/keys", {}), ("DELETE", "/me/keys/1000", None), ("DELETE", "/me/keys", None),
                                   ("PUT", "/me/password", {"old": "some-password", "password": "another-password"})):
            self.assertEqual(self.call(method, path, body, user="eve", password=key).status, 403, path)
        # but a robot whose key has leaked can end it
        me = self.call("GET", "/me", user="eve", password=key).json()
        self.assertEqual(me["key_grants"], [{"pattern": "x", "actions": "pull"}])
        self.assertEqual(self.call("DELETE", f"/me/keys/{me['key_id']}", user="eve", password=key).status, 204)
        self.assertEqual(self.call("GET", "/me", user="eve", password=key).status, 401)
        # grants that limit to nothing are no grants without a limit
        r = self.call("POST", "/me/keys", {"grants": []}, **eve)
        self.assertEqual(r.status, 400)
        self.assertIn("grants", r.message())
        # an admin's narrowed key is not admin
        key = self.call("POST", "/me/keys", {"grants": [{"pattern": "**", "actions": "pull"}]}).json()["key"]
        self.assertEqual(self.call("GET", "/users", password=key).status, 403)
        # nobody ends another's key below /me
        mine = self.call("GET", "/me/keys").json()["keys"][-1]["id"]
        self.assertEqual(self.call("DELETE", f"/me/keys/{mine}", **eve).status, 404)
        self.assertTrue(any(e["refused"] and e["user"] == "eve" for e in self.call("GET", "/audit?n=1000").json()["entries"]))

    def test_keys_without_limit_manage_users(self):
        c = self.cove
        c.command("user", "add", "managed", stdin=b"some-password\n")
        # one that is as good as the password is not held up: who manages users by a program has such a one
        key = self.call("POST", "/me/keys", {}).json()["key"]
        self.assertEqual(self.call("POST", "/users/managed/keys", {}, password=key).status, 201)
        self.assertEqual(self.call("DELETE", "/me/keys").status, 204)

    def test_the_last_admin_stays(self):
        for method, path, body in (("PATCH", "/users/admin", {"enabled": False}), ("DELETE", "/users/admin", None),
                                   ("PUT", "/users/admin/grants", {"pattern": "**", "actions": "pull"}),
                                   ("DELETE", "/users/admin/roles/admin", None)):
            r = self.call(method, path, body)
            self.assertIn(r.status, (204, 409), (path, r.body))
            self.assertEqual(self.call("GET", "/users/admin").status, 200, path)
        self.assertEqual(self.call("DELETE", "/users/admin").status, 409)
        # with another one it may go; who has a limited key only is none
        self.call("POST", "/users", {"name": "second", "robot": True})
        self.call("PUT", "/users/second/roles/admin")
        self.call("POST", "/users/second/keys", {"expires_at": int(time.time()) + 3600})
        self.assertEqual(self.call("PATCH", "/users/admin", {"enabled": False}).status, 409)
        key = self.call("POST", "/users/second/keys", {}).json()["key"]
        self.assertEqual(self.call("PATCH", "/users/admin", {"enabled": False}).status, 200)
        second = {"user": "second", "password": key}
        self.assertEqual(self.call("DELETE", "/users/second", **second).status, 409)
        self.assertEqual(self.call("PATCH", "/users/admin", {"enabled": True}, **second).status, 200)
        self.assertEqual(self.call("DELETE", "/users/second").status, 204)

    def test_keys_outlive_a_password_and_say_so(self):
        self.cove.command("user", "add", "kim", stdin=b"first-password\n")
        kim = {"user": "kim", "password": "first-password"}
        key = self.call("POST", "/me/keys", {}, **kim).json()["key"]
        r = self.call("PUT", "/me/password", {"old": "first-password", "password": "other-password"}, **kim)
        self.assertEqual((r.status, r.json()), (200, {"keys": 1}))
        self.assertEqual(self.call("GET", "/users/kim").json()["keys"], 1)
        self.assertIn("cove key revoke-all kim", self.cove.command("user", "passwd", "kim", stdin=b"third-password\n"))
        self.assertEqual(self.call("GET", "/me", user="kim", password=key).status, 200)
        kim["password"] = "third-password"
        self.assertEqual(self.call("DELETE", "/me/keys", **kim).status, 204)
        self.assertEqual(self.call("GET", "/me", user="kim", password=key).status, 401)
        self.call("POST", "/me/keys", {}, **kim)
        self.assertIn("1 keys", self.cove.command("key", "revoke-all", "kim"))

    def test_own_password(self):
        self.cove.command("user", "add", "pat", stdin=b"first-password\n")
        change = {"old": "wrong-password", "password": "second-password"}
        self.assertEqual(self.call("PUT", "/me/password", change, "pat", "first-password").status, 401)
        change["old"] = "first-password"
        self.assertEqual(self.call("PUT", "/me/password", change, "pat", "first-password").status, 200)
        self.assertEqual(self.call("GET", "/me", user="pat", password="second-password").status, 200)
        self.assertEqual(self.call("PATCH", "/users/pat", {"password": "third-password"}).status, 200)
        self.assertEqual(self.call("GET", "/me", user="pat", password="third-password").status, 200)
        self.assertNotIn("-password", self.cove.read_log())
        self.assertEqual(self.call("PATCH", "/users/pat", {"enabled": False}).json()["enabled"], False)
        self.assertEqual(self.call("GET", "/me", user="pat", password="third-password").status, 401)

    def test_bodies(self):
        for body, words in (
            (b"", "JSON"), (b"[]", "object"), (b"{", "JSON"), (b"{}", '"name"'), ({"name": 1}, "name must be a string"),
            ({"name": "x", "colour": "red"}, '"colour"'), (b'{"name":"x","name":"y"}', "twice"),
            ({"name": "x"}, "password"), ({"name": "x", "robot": "yes"}, "robot must be true or false"),
            ({"name": "No Name", "robot": True}, "name"), ({"name": "x", "password": "short"}, "characters"),
        ):
            r = self.call("POST", "/users", body)
            self.assertEqual(r.status, 400, (body, r.body))
            self.assertIn(words, r.message())
        # what a page of another origin can send without being asked first
        r = self.call("POST", "/users", {"name": "x", "robot": True}, headers={"Content-Type": "text/plain"})
        self.assertEqual(r.status, 400)
        self.assertEqual(self.call("GET", "/users/x").status, 404)
        r = self.call("OPTIONS", "/users", headers={"Origin": "https://evil.example"})
        self.assertIsNone(r["Access-Control-Allow-Origin"])
        r = self.call("POST", "/users", b"x" * 70000)
        self.assertEqual(r.status, 413)
        self.assertIn("larger than the 65536 bytes", r.message())
        self.assertEqual(self.call("POST", "/users", {"name": "r1", "robot": True}).status, 201)
        self.assertEqual(self.call("POST", "/users", {"name": "r1", "robot": True}).status, 409)
        self.assertEqual(self.call("PUT", "/users").status, 405)
        self.assertEqual(self.call("GET", "/nothing").status, 404)

    def test_pages(self):
        for i in range(5):
            self.cove.command("user", "add", f"p{i}", "--robot")
        names, last = [], None
        while True:
            page = self.call("GET", "/users?n=2" + (f"&last={last}" if last else "")).json()
            self.assertLessEqual(len(page["users"]), 2)
            names += [u["name"] for u in page["users"]]
            last = page.get("next")
            if not last:
                break
        whole = [u["name"] for u in self.call("GET", "/users").json()["users"]]
        self.assertEqual(names, whole)
        self.assertLessEqual({f"p{i}" for i in range(5)}, set(names))
        ids, before = [], None
        for _ in range(3):
            page = self.call("GET", "/audit?n=2" + (f"&before={before}" if before else "")).json()
            ids += [e["id"] for e in page["entries"]]
            before = page["next"]
        self.assertEqual(ids, sorted(set(ids), reverse=True))
        self.assertEqual(len(ids), 6)
        self.assertEqual(self.call("GET", "/users?n=0").status, 400)

    def test_queries(self):
        """What is not understood is refused: a filter with a typo would show everything."""
        for path, words in (("/audit?refused=yes", "refused must be true or false"), ("/audit?refusd=true", '"refusd"'),
                            ("/audit?since=yesterday", "since"), ("/users?colour=red", '"colour"'), ("/can?user=admin&action=pull", "repository"),
                            ("/can?user=admin&action=pull&repository=x&key=y", "key"), ("/me?x", '"x"')):
            r = self.call("GET", path)
            self.assertEqual(r.status, 400, (path, r.body))
            self.assertIn(words, r.message())
        self.assertEqual(self.call("GET", "/audit?refused=true&n=3").status, 200)
        paths = self.document()["paths"]
        parameters = {p["name"]: p for p in paths["/can"]["get"]["parameters"]}
        self.assertEqual({n for n, p in parameters.items() if p["required"]}, {"user", "action", "repository"})
        self.assertEqual(parameters["key"]["schema"]["type"], "integer")
        parameters = {p["name"]: p["schema"]["type"] for p in paths["/audit"]["get"]["parameters"]}
        self.assertEqual((parameters["refused"], parameters["n"]), ("boolean", "integer"))
        own = paths["/openapi.json"]["get"]
        self.assertEqual((own["security"], "content" in own["responses"]["200"]), ([], True))

    def test_namespaces(self):
        r = self.call("GET", "/namespaces/%2F")
        self.assertEqual((r.status, r.json()["name"]), (200, "/"))
        new = {"name": "a/b", "kind": "hosted", "attributes": {"quota": "1MiB"}}
        self.assertEqual(self.call("POST", "/namespaces", new).json()["attributes"]["quota"], "1MiB")
        self.assertEqual(self.call("POST", "/namespaces", new).status, 409)
        r = self.call("PATCH", "/namespaces/a%2Fb", {"attributes": {"colour": "red"}})
        self.assertEqual(r.status, 400)
        self.assertIn("colour", r.message())
        self.cove.client("repository:a/b/c:pull,push").push_image("a/b/c", "1")
        self.assertGreater(self.call("GET", "/namespaces/a%2Fb").json()["used_bytes"], 0)
        self.assertEqual(self.call("DELETE", "/namespaces/a%2Fb?purge=true").status, 204)
        self.assertEqual(self.call("GET", "/namespaces/a%2Fb").status, 404)
        self.assertEqual(self.call("GET", "/namespaces/%zz").status, 400)


class LimitedKeys(Case):
    call, document = Api.call, Api.document

    # What an admin's limited key may do beside reading: it takes away, or makes what nobody can use yet.
    LIMITED_MAY = {"api-user-unrole", "api-user-remove", "api-key-revoke", "api-key-revoke-all",
                   "api-role-create", "api-role-remove", "api-issuer-remove", "api-blob-store-remove", "api-namespace-refresh"}

    def for_admins(self):
        """(id, method, path with some names in it, whether a limited key is refused)."""
        for path, methods in self.document()["paths"].items():
            for method, o in methods.items():
                if o["x-admin"]:
                    yield (o["operationId"], method.upper(), path.replace("{object}", "target").replace("{id}", "1"),
                           o["x-unlimited"])

    def test_limited_keys_make_nothing_that_lasts(self):
        c, soon = self.cove, int(time.time()) + 3600
        c.command("user", "add", "target", stdin=b"some-password\n")
        everything = [{"pattern": "**", "actions": "admin"}]
        for new in ({"expires_at": soon}, {"grants": everything}, {"grants": everything, "expires_at": soon}):
            key = self.call("POST", "/me/keys", new).json()["key"]
            may = set()
            for id, method, path, unlimited in self.for_admins():
                if method == "GET" or not unlimited:
                    may |= {id} if method != "GET" else set()
                    continue
                r = self.call(method, path, {} if method in ("POST", "PUT", "PATCH") else None, password=key)
                self.assertEqual(r.status, 403, (id, r.body))
                self.assertIn("does not expire", r.message())
            self.assertEqual(may, self.LIMITED_MAY)
            self.assertEqual(self.call("GET", "/users", password=key).status, 200)
            self.assertEqual(self.call("POST", "/roles", {"name": "of-a-key"}, password=key).status, 201)
            self.assertEqual(self.call("DELETE", "/roles/of-a-key", password=key).status, 204)

    def test_limited_key_opens_no_private_namespace(self):
        """A group over a private namespace would give its content to who has a grant on the group's name, for good."""
        c = self.cove
        c.command("namespace", "create", "private", "hosted")
        c.command("namespace", "create", "shared", "hosted")
        c.command("namespace", "create", "both", "group", "members=shared")
        c.client("repository:private/app:pull,push").push_image("private/app", "1")
        c.command("user", "add", "spy", "--grant", "open/**:pull,push", "--grant", "both/**:pull", stdin=b"some-password\n")
        key = self.call("POST", "/me/keys", {"grants": [{"pattern": "**", "actions": "admin"}], "expires_at": int(time.time()) + 86400}).json()["key"]
        for method, path, body in (
            ("POST", "/namespaces", {"name": "open", "kind": "group", "attributes": {"members": "private", "writable": "private"}}),
            ("PATCH", "/namespaces/both", {"attributes": {"members": "shared,private"}}),
            ("PATCH", "/namespaces/both", {"attributes": {"members": "shared,private", "writable": "private"}}),
            ("PATCH", "/namespaces/private", {"attributes": {"port": "0"}}),
            ("DELETE", "/namespaces/private", None),
        ):
            self.assertEqual(self.call(method, path, body, password=key).status, 403, (method, path, body))
        spy = c.client("repository:open/app:pull,push repository:both/app:pull", user="spy", password="some-password")
        for name in ("open/app", "both/app"):
            self.assertEqual(spy.request("GET", f"/v2/{name}/manifests/1").status, 404, name)
        for body in ({"attributes": {"members": "shared,private"}}, {"attributes": {"members": "shared"}}):
            self.assertEqual(self.call("PATCH", "/namespaces/both", body).status, 200)

if __name__ == "__main__":
    unittest.main()
