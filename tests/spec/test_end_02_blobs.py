"""end-2, end-4 to end-6, end-10, end-11, end-13, end-14: blobs and their uploads."""
import email, email.policy, hashlib, os, re
from cove import Case, Client, Raw, add_digest, sha256, sha512

NAME = "team/app"
SCOPE = f"repository:{NAME}:pull,push,delete"


class Pull(Case):
    def setUp(self):
        self.c = self.cove.client(SCOPE)
        self.data = os.urandom(3000)
        self.digest = self.c.push_blob(NAME, self.data)
        self.url = f"/v2/{NAME}/blobs/{self.digest}"

    def test_get_and_head(self):
        """"A GET request to an existing blob URL MUST provide the expected blob, with a response code 200"."""
        r = self.c.request("GET", self.url)
        self.assertEqual((r.status, r.body), (200, self.data))
        self.assertEqual(r["Docker-Content-Digest"], self.digest)
        self.assertEqual(r["Content-Type"], "application/octet-stream")
        self.assertEqual(r["Accept-Ranges"], "bytes")
        self.assertIsNone(r["Content-Encoding"])
        r = self.c.request("HEAD", self.url)
        self.assertEqual((r.status, r["Content-Length"]), (200, "3000"))

    def test_unknown(self):
        """"If the blob is not found in the repository, the response code MUST be 404 Not Found"."""
        for method in ("GET", "HEAD"):
            r = self.c.request(method, f"/v2/{NAME}/blobs/{sha256(b'nothing')}")
            self.assertEqual(r.status, 404)
        self.assertEqual(self.c.request("GET", f"/v2/{NAME}/blobs/{sha256(b'nothing')}").code(), "BLOB_UNKNOWN")

    def test_bad_digest(self):
        for bad in ("sha256:xyz", "sha256:" + "a" * 63, "md5:" + "a" * 32, "sha256:" + "A" * 64, "x"):
            r = self.c.request("GET", f"/v2/{NAME}/blobs/{bad}")
            self.assertEqual((r.status, r.code()), (400, "DIGEST_INVALID"), bad)

    def test_percent_encoded_digest(self):
        r = self.c.request("GET", self.url.replace("sha256:", "sha256%3A"))
        self.assertEqual((r.status, r.body), (200, self.data))

    def test_ranges(self):
        for value, first, last in (("bytes=0-0", 0, 0), ("bytes=500-1499", 500, 1499), ("bytes=500-", 500, 2999),
                                   ("bytes=-500", 2500, 2999), ("bytes=2000-5000", 2000, 2999), ("bytes=0-", 0, 2999)):
            r = self.c.request("GET", self.url, headers={"Range": value})
            self.assertEqual((r.status, r["Content-Range"]), (206, f"bytes {first}-{last}/3000"), value)
            self.assertEqual(r.body, self.data[first:last + 1])
        for value in ("bytes=500-0", "bytes=3000-", "bytes=5000-10000"):
            r = self.c.request("GET", self.url, headers={"Range": value})
            self.assertEqual((r.status, r["Content-Range"]), (416, "bytes */3000"), value)

    def parts(self, r):
        """Of a multipart/byteranges body: [(first, last, bytes), ...], by Python's own reader of such bodies."""
        self.assertEqual(r.status, 206, r.body[:300])
        self.assertIsNone(r["Content-Range"])  # RFC 9110 §15.3.7.2: "MUST NOT generate a Content-Range header field"
        message = email.message_from_bytes(b"Content-Type: " + r["Content-Type"].encode() + b"\r\n\r\n" + r.body, policy=email.policy.HTTP)
        self.assertEqual(message.get_content_type(), "multipart/byteranges")
        found = []
        for part in message.iter_parts():
            self.assertEqual(part.get_content_type(), "application/octet-stream")
            first, last = re.fullmatch(r"bytes (\d+)-(\d+)/3000", part["Content-Range"]).groups()
            found.append((int(first), int(last), part.get_payload(decode=True)))
        return found

    def test_several_ranges(self):
        """RFC 9110 §15.3.7.2. In the order of the request; those that cannot be satisfied are left out."""
        for value, wanted in (("bytes=0-1,5-6", [(0, 1), (5, 6)]), ("bytes=2000-2999, 0-0,-1", [(2000, 2999), (0, 0), (2999, 2999)]),
                              ("bytes=0-1,5000-,3-3", [(0, 1), (3, 3)]), ("bytes=,0-1,,5-6,", [(0, 1), (5, 6)])):
            r = self.c.request("GET", self.url, headers={"Range": value})
            self.assertEqual(self.parts(r), [(a, b, self.data[a:b + 1]) for a, b in wanted], value)
        many = [(i * 3, i * 3) for i in range(900)]
        r = self.c.request("GET", self.url, headers={"Range": "bytes=" + ",".join(f"{a}-{b}" for a, b in many)})
        self.assertEqual(self.parts(r), [(a, b, self.data[a:b + 1]) for a, b in many])

    def test_ranges_that_are_not_several(self):
        """One that is left of a list is sent as one; what overlaps so that all is less is ignored; too many are refused,
        which clients take for "ask for fewer" (§14.2: "MAY ignore or reject")."""
        for value in ("bytes=0-1,", "bytes=,0-1", "bytes=0-1,3000-", "bytes=-0,0-1"):
            r = self.c.request("GET", self.url, headers={"Range": value})
            self.assertEqual((r.status, r["Content-Range"], r.body), (206, "bytes 0-1/3000", self.data[:2]), value)
        for value in ("bytes=0-,0-", "bytes=0-2000,1000-2999", "bytes=" + ",".join(["0-"] * 1000)):
            r = self.c.request("GET", self.url, headers={"Range": value})
            self.assertEqual((r.status, r.body), (200, self.data), value)
        r = self.c.request("GET", self.url, headers={"Range": "bytes=3000-,5-4"})
        self.assertEqual((r.status, r["Content-Range"]), (416, "bytes */3000"))
        r = self.c.request("GET", self.url, headers={"Range": "bytes=" + ",".join(["0-0"] * 1025)})
        self.assertEqual((r.status, r.code()), (400, "UNSUPPORTED"))

    def test_several_ranges_of_a_large_blob(self):
        data = os.urandom(3 << 20)
        url = f"/v2/{NAME}/blobs/{self.c.push_blob(NAME, data)}"
        r = self.c.request("GET", url, headers={"Range": "bytes=100-1000099,2000000-2999999,0-9"})
        self.assertEqual(r.status, 206)
        for piece in (data[100:1000100], data[2000000:3000000], data[:10]):
            self.assertIn(piece, r.body)
        self.assertLess(len(r.body), 2000010 + 600)

    def test_conditional(self):
        etag = self.c.request("GET", self.url)["ETag"]
        self.assertEqual(self.c.request("GET", self.url, headers={"If-None-Match": etag}).status, 304)
        r = self.c.request("GET", self.url, headers={"If-Range": '"other"', "Range": "bytes=0-1"})
        self.assertEqual(r.status, 200)

    def test_if_match(self):
        """RFC 9110 §13.1.1: "MUST NOT perform the requested method if a received If-Match condition evaluates to false"."""
        etag = f'"{self.digest}"'
        for method, value, status in (("GET", etag, 200), ("HEAD", "*", 200), ("GET", f'"x", {etag}', 200), ("GET", '"x"', 412),
                                      ("HEAD", '"x"', 412), ("GET", "W/" + etag, 412), ("GET", "", 412), ("DELETE", '"x"', 412)):
            self.assertEqual(self.c.request(method, self.url, headers={"If-Match": value}).status, status, (method, value))
        r = self.c.request("GET", self.url, headers={"If-Match": '"x"', "If-None-Match": etag, "Range": "bytes=0-1"})
        self.assertEqual((r.status, r.code()), (412, "DENIED"))  # §13.2.2: before all others
        # §13.1.4: "MUST ignore [...] if the resource does not have a modification date available": none is ever sent
        old = "Sat, 29 Oct 1994 19:43:31 GMT"
        r = self.c.request("GET", self.url, headers={"If-Unmodified-Since": old, "If-Modified-Since": old})
        self.assertEqual((r.status, r["Last-Modified"]), (200, None))
        # §13.2.1: ignored where the answer without it were no success
        self.assertEqual(self.c.request("GET", f"/v2/{NAME}/blobs/{sha256(b'no')}", headers={"If-Match": '"x"'}).status, 404)
        self.assertEqual(Client(self.cove).request("GET", self.url, headers={"If-Match": '"x"'}).status, 401)
        self.assertEqual(self.c.request("DELETE", self.url, headers={"If-Match": etag}).status, 202)
        self.assertEqual(self.c.request("DELETE", self.url, headers={"If-Match": "*"}).status, 404)

    def test_delete(self):
        self.assertEqual(self.c.request("DELETE", self.url).status, 202)
        self.assertEqual(self.c.request("HEAD", self.url).status, 404)
        self.assertEqual(self.c.request("DELETE", self.url).status, 404)

    def test_delete_asks_for_delete(self):
        r = Client(self.cove).request("DELETE", self.url)
        self.assertEqual(r.status, 401)
        self.assertIn(f'scope="repository:{NAME}:delete"', r["WWW-Authenticate"])

    def test_delete_of_a_needed_blob(self):
        self.c.push_image(NAME, "needed", [b"needed layer"])
        r = self.c.request("DELETE", f"/v2/{NAME}/blobs/{sha256(b'needed layer')}")
        self.assertEqual((r.status, r.code()), (405, "UNSUPPORTED"))
        self.assertEqual(self.c.request("HEAD", f"/v2/{NAME}/blobs/{sha256(b'needed layer')}").status, 200)


class Push(Case):
    def setUp(self):
        self.c = self.cove.client(SCOPE)
        self.data = os.urandom(20000)
        self.digest = sha256(self.data)

    def start(self):
        r = self.c.request("POST", f"/v2/{NAME}/blobs/uploads/")
        self.assertEqual((r.status, r["Range"], r["Content-Length"]), (202, "0-0", "0"))
        self.assertTrue(r["Docker-Upload-UUID"])
        self.assertTrue(r["Location"].startswith(f"/v2/{NAME}/blobs/uploads/"))
        return r["Location"]

    def stored(self, r, data=None, digest=None):
        data, digest = data or self.data, digest or self.digest
        self.assertEqual(r.status, 201, r.body)
        self.assertEqual((r["Location"], r["Docker-Content-Digest"]), (f"/v2/{NAME}/blobs/{digest}", digest))
        r = self.c.request("GET", r["Location"])
        self.assertEqual((r.status, r.body), (200, data))

    def test_post_put(self):
        self.stored(self.c.request("PUT", add_digest(self.start(), self.digest), self.data))

    def test_single_post(self):
        self.stored(self.c.request("POST", f"/v2/{NAME}/blobs/uploads/?digest={self.digest}", self.data))

    def test_streamed_patch(self):
        """dockerd: one chunked PATCH without Content-Range, then an empty PUT."""
        r = self.c.request("PATCH", self.start(), self.data, chunked=True)
        self.assertEqual((r.status, r["Range"]), (202, "0-19999"))
        self.stored(self.c.request("PUT", add_digest(r["Location"], self.digest)))

    def test_chunks_in_order(self):
        at, location = 0, self.start()
        for part in (self.data[:7000], self.data[7000:15000]):
            r = self.c.request("PATCH", location, part, {"Content-Range": f"{at}-{at + len(part) - 1}"})
            at, location = at + len(part), r["Location"]
            self.assertEqual((r.status, r["Range"]), (202, f"0-{at - 1}"))
            r = self.c.request("GET", location)
            self.assertEqual((r.status, r["Range"]), (204, f"0-{at - 1}"))
        r = self.c.request("PUT", add_digest(location, self.digest), self.data[15000:], {"Content-Range": "15000-19999"})
        self.stored(r)

    def test_chunk_out_of_order(self):
        """"If a chunk is uploaded out of order, the registry MUST respond with a 416": the session survives."""
        location = self.start()
        r = self.c.request("PATCH", location, self.data[7000:], {"Content-Range": "7000-19999"})
        self.assertEqual((r.status, r.code()), (416, "BLOB_UPLOAD_INVALID"))
        self.assertEqual((r["Location"], r["Range"]), (location, "0-0"))
        self.assertEqual(self.c.request("PATCH", location, self.data[:7000], {"Content-Range": "0-6999"}).status, 202)
        self.assertEqual(self.c.request("PATCH", location, self.data[:7000], {"Content-Range": "0-6999"}).status, 416)
        r = self.c.request("PUT", add_digest(location, self.digest), b"xx", {"Content-Range": "0-1"})
        self.assertEqual(r.status, 416)
        self.stored(self.c.request("PUT", add_digest(location, self.digest), self.data[7000:], {"Content-Range": "7000-19999"}))

    def test_wrong_digest(self):
        for bad in (sha256(b"other"), "sha256:baddigest", "sha256:", "nonsense"):
            r = self.c.request("PUT", add_digest(self.start(), bad), self.data)
            self.assertEqual((r.status, r.code()), (400, "DIGEST_INVALID"), bad)
        self.assertEqual(self.c.request("PUT", self.start(), self.data).status, 400)
        self.assertEqual(self.c.request("HEAD", f"/v2/{NAME}/blobs/{sha256(b'other')}").status, 404)

    def test_cancel(self):
        location = self.start()
        self.assertEqual(self.c.request("DELETE", location).status, 204)
        r = self.c.request("GET", location)
        self.assertEqual((r.status, r.code()), (404, "BLOB_UPLOAD_UNKNOWN"))

    def test_unknown_session(self):
        for bad in ("00000000-0000-4000-8000-000000000000", "x", "..", "a" * 300):
            r = self.c.request("PATCH", f"/v2/{NAME}/blobs/uploads/{bad}", b"x")
            self.assertEqual(r.status, 404, bad)

    def test_session_of_another_repository(self):
        location = self.start()
        other = self.cove.client("repository:other:pull,push")
        self.assertEqual(other.request("GET", location.replace(NAME, "other")).status, 404)

    def test_empty_blob(self):
        self.data, self.digest = b"", sha256(b"")
        r = self.c.request("PUT", add_digest(self.start(), self.digest))
        self.assertEqual(r.status, 201)
        r = self.c.request("GET", r["Location"])
        self.assertEqual((r.status, r["Content-Length"], r.body), (200, "0", b""))

    def test_sha512(self):
        self.digest = sha512(self.data)
        self.stored(self.c.request("PUT", add_digest(self.start(), self.digest), self.data))
        r = self.c.request("PATCH", self.start(), self.data)
        self.stored(self.c.request("PUT", add_digest(r["Location"], self.digest)))

    def test_same_blob_twice(self):
        for _ in range(2):
            self.stored(self.c.request("PUT", add_digest(self.start(), self.digest), self.data))

    def test_mount(self):
        self.c.push_blob(NAME, self.data)
        c = self.cove.client(SCOPE, "repository:copy:pull,push")
        r = c.request("POST", f"/v2/copy/blobs/uploads/?mount={self.digest}&from={NAME}&origin=x")
        self.assertEqual((r.status, r["Location"]), (201, f"/v2/copy/blobs/{self.digest}"))
        self.assertEqual(c.request("GET", r["Location"]).body, self.data)
        r = c.request("POST", f"/v2/copy/blobs/uploads/?mount={sha256(b'no')}&from={NAME}")
        self.assertEqual(r.status, 202)
        r = c.request("POST", f"/v2/copy/blobs/uploads/?mount={sha256(b'no')}")
        self.assertEqual(r.status, 202)

    def test_mount_without_scope_on_the_source(self):
        """The right exists but not in this token: the challenge names both scopes (rule 13)."""
        self.c.push_blob(NAME, self.data)
        c = self.cove.client("repository:copy2:pull,push")
        r = c.request("POST", f"/v2/copy2/blobs/uploads/?mount={self.digest}&from={NAME}")
        self.assertEqual(r.status, 401)
        self.assertIn(f"repository:{NAME}:pull", r["WWW-Authenticate"])
        self.assertIn("repository:copy2:pull,push", r["WWW-Authenticate"])
        r = c.request("POST", f"/v2/copy2/blobs/uploads/?mount={self.digest}")
        self.assertEqual(r.status, 202)  # from anywhere: the token gives no pull anywhere else
        r = self.cove.client("repository:copy2:pull,push", SCOPE).request("POST", f"/v2/copy2/blobs/uploads/?mount={self.digest}")
        self.assertEqual(r.status, 201)

    def test_mount_without_right_on_the_source(self):
        self.c.push_blob(NAME, self.data)
        self.cove.command("user", "add", "mine", "--grant", "mine/**:pull,push", stdin=b"mine-password\n")
        c = self.cove.client("repository:mine/a:pull,push", user="mine", password="mine-password")
        for query in (f"mount={self.digest}&from={NAME}", f"mount={self.digest}"):
            self.assertEqual(c.request("POST", f"/v2/mine/a/blobs/uploads/?{query}").status, 202)

    def test_mount_from_the_last_of_many(self):
        """The one repository that may be read is found behind many that may not."""
        for i in range(40):
            name = f"hidden/{i}"
            self.cove.client(f"repository:{name}:pull,push").push_blob(name, self.data)
        self.cove.client("repository:shown/last:pull,push").push_blob("shown/last", self.data)
        self.cove.command("user", "add", "few", "--grant", "few/**:pull,push", "--grant", "shown/**:pull", stdin=b"few-password\n")
        c = self.cove.client("repository:few/a:pull,push", "repository:shown/last:pull", user="few", password="few-password")
        self.assertEqual(c.request("POST", f"/v2/few/a/blobs/uploads/?mount={self.digest}").status, 201)

    def test_expect_continue(self):
        raw = Raw(self.cove)
        location = add_digest(self.start(), self.digest)
        raw.send(f"PUT {location} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {self.c.auth}\r\n"
                 f"Content-Length: 20000\r\nExpect: 100-continue\r\n\r\n".encode())
        self.assertEqual(raw.response().status, 100)
        raw.send(self.data)
        self.stored(raw.response())

    def test_expect_continue_refused(self):
        raw = Raw(self.cove)
        raw.send(f"PUT /v2/{NAME}/blobs/uploads/x?digest={self.digest} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                 f"Content-Length: 20000\r\nExpect: 100-continue\r\n\r\n".encode())
        self.assertEqual(raw.response().status, 401)

    def test_body_cut_short_keeps_the_bytes(self):
        location = self.start()
        raw = Raw(self.cove)
        raw.send(f"PATCH {location} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {self.c.auth}\r\n"
                 f"Content-Length: 20000\r\n\r\n".encode() + self.data[:5000])
        raw.close()
        for _ in range(100):
            r = self.c.request("GET", location)
            if r["Range"] == "0-4999":
                break
        self.assertEqual((r.status, r["Range"]), (204, "0-4999"))
        self.stored(self.c.request("PUT", add_digest(location, self.digest), self.data[5000:]))

    def test_anonymous_refused(self):
        c = self.cove.client(f"repository:{NAME}:pull,push", anonymous=True)
        self.assertEqual(c.request("POST", f"/v2/{NAME}/blobs/uploads/").status, 401)
        self.assertEqual(c.request("GET", f"/v2/{NAME}/tags/list").status, 401)
