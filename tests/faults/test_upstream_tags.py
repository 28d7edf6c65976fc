"""Lists of tags through a proxy: whatever pages the upstream makes and however it links them, every tag comes, in bounded steps."""
import random, re
from proxied import Proxied


class Tags(Proxied):
    def fill(self, name, tags):
        self.up.repository(name).tags = {t: "x" for t in tags}

    def pages(self, name="m/a", n=10, first=None):
        """The tags of each answer, until no Link leads on."""
        found, link = [], first or f"tags/list?n={n}"
        while link:
            r = self.get(link, name)
            self.assertEqual(r.status, 200, r.body)
            tags = r.json()["tags"]
            self.assertEqual(tags, sorted(tags))
            self.assertLessEqual(len(tags), n)
            found.append(tags)
            self.assertLess(len(found), 2000)
            link = r["Link"] and re.fullmatch(f'</v2/{name}/([^>]*)>; rel="next"', r["Link"])[1]
        return found

    def listed(self, name="m/a", n=10, first=None):
        return [t for page in self.pages(name, n, first) for t in page]

    def test_upstreams_that_do_not_sort(self):
        tags = [f"t{i:02}" for i in range(25)]
        for unsorted in (False, True):
            with self.subTest(unsorted=unsorted):
                name = f"a{int(unsorted)}"
                self.up.unsorted = unsorted
                self.fill(name, random.Random(1).sample(tags, len(tags)))
                for n in (10, 1, 1000):
                    self.assertEqual(self.listed("m/" + name, n), tags)

    def test_more_tags_than_a_page_of_the_upstream(self):
        tags = [f"t{i:04}" for i in range(2345)]
        for unsorted in (False, True):
            with self.subTest(unsorted=unsorted):
                name = f"b{int(unsorted)}"
                self.up.unsorted = unsorted
                self.fill(name, reversed(tags) if unsorted else tags)
                self.assertEqual(self.listed("m/" + name, 1000), tags)
                self.assertEqual(self.get("tags/list", "m/" + name).json()["tags"], tags)

    def test_small_pages_in_any_number(self):
        """As quay.io: 50 to 100 on a page, whatever is asked for; 60 pages and more."""
        tags = [f"t{i:04}" for i in range(1201)]
        self.up.tags_page = 20
        self.fill("a", tags)
        r = self.get("tags/list")
        self.assertEqual(r.json()["tags"], tags[:len(r.json()["tags"])])
        self.assertGreaterEqual(self.up.count(kind="tags"), 10)
        self.assertLessEqual(self.up.count(kind="tags"), 30)  # one request asks no more
        for n in (10000, 100, 7):
            self.up.forget()
            pages = self.pages(n=n)
            self.assertEqual([t for page in pages for t in page], tags)
            self.assertLessEqual(self.up.count(kind="tags"), 61 + 3 * len(pages))

    def test_order_that_shows_on_a_later_page_only(self):
        tags = [f"v{i}" for i in range(1, 10)] + ["v10", "v11", "a"]
        self.up.unsorted, self.up.tags_page = True, 9
        self.fill("a", tags)
        for n in (1, 5, 9, 10, 100):
            self.assertEqual(sorted(self.listed(n=n)), sorted(tags))

    def test_a_last_that_the_client_makes(self):
        tags = [f"t{i:04}" for i in range(300)]
        self.up.tags_page = 50
        self.fill("a", tags)
        for last in (0, 49, 50, 222, 299):
            self.assertEqual(self.listed(n=10000, first=f"tags/list?n=10000&last=t{last:04}"), tags[last + 1:])

    def test_one_page_of_everything(self):
        """As registry:2.8, which knows no pages."""
        self.up.tags_page = 0
        tags = [f"build-{i:06}" for i in range(25001)]
        self.fill("a", random.Random(2).sample(tags, len(tags)))
        self.assertEqual(self.get("tags/list?n=10").json()["tags"], tags[:10])
        self.assertEqual(self.listed(n=10000), tags)
        long = [f"{i:05}" + "x" * 123 for i in range(25001)]  # 3.3 MB
        self.fill("long", long)
        self.assertEqual(self.listed("m/long", n=10000), long)

    def test_lists_that_are_too_long_to_be_read(self):
        self.up.tags_page = 0
        for tags in ([f"{i:06}" for i in range(140000)], [f"{i:05}" + "x" * 123 for i in range(35000)]):
            self.fill("a", tags)
            for _ in range(2):
                r = self.get("tags/list?n=10")
                self.assertEqual(r.status, 502)
                self.assertRegex(r.message(), "(values|bytes|MiB|longer)")

    def test_long_queries(self):
        """As ECR's."""
        self.up.tags_page = 5
        tags = [f"t{i:02}" for i in range(20)]
        self.fill("a", tags)
        for length in (300, 512, 2000, 4000):
            self.up.tags_query = "token=" + "A/+b%3D" * (length // 7) + ".{last}&n={n}"
            for n in (3, 100):
                self.assertEqual(self.listed(n=n), tags, length)
        self.up.tags_query = "token=" + "A" * 4200 + ".{last}"
        r = self.get("tags/list")
        self.assertEqual((r.status, r["Link"]), (502, None))
        self.assertIn("next page", r.message())

    def test_links_in_every_form(self):
        self.up.tags_page = 10
        tags = [f"t{i:02}" for i in range(35)]
        self.fill("a", tags)
        target = "/v2/{name}/tags/list?{query}"
        for link in (f'</v2/a/tags/list?n=10>; rel="prev", <{target}>; rel="next"', f'<{target}>; REL="NEXT"', f"<{target}>;rel=next",
                     f'< {target} >; rel="next"', f'<{target}> ; title="a, <b>; rel=prev" ; rel="next"', f'<{target}>; rel="last next"',
                     f'<https://elsewhere.example{target}#part>; rel="next"', f'<?{{query}}>; rel="next", <{target}>; rel="last"',
                     [f'<{target}>; rel="first"', f'<{target}>; rel="next"'], f',, <{target}>; rel="next"; rel="prev"'):
            with self.subTest(link=link):
                fields = [link] if isinstance(link, str) else link
                self.up.tags_link = Fields(fields)
                self.assertEqual(self.listed(n=10000), tags)
        for link in (f'<{target}>; rel="prev"', f'<{target}>; rel="next-archive"', f'<{target}>; title="next"', f"{target}; rel=next"):
            self.up.tags_link = link
            self.assertEqual(self.listed(n=10000), tags[:10])

    def test_links_that_lead_nowhere(self):
        self.up.tags_page = 10
        self.fill("a", [f"t{i:02}" for i in range(35)])
        for link, status in (("</v2/{name}/tags/list>; rel=next", 502), ('</v2/{name}/tags/list?n=1000>; rel="next"', 502)):
            self.up.tags_link = link
            self.assertEqual(self.get("tags/list").status, status, link)

    def test_a_failure_on_a_later_page(self):
        """What was read is answered; who follows the Link is told."""
        self.up.tags_page = 10
        tags = [f"t{i:02}" for i in range(35)]
        self.fill("a", tags)
        self.up.behave(kind="tags", status=500, times=1)
        self.up.behave(kind="tags", wait_s=0, times=2)
        r = self.get("tags/list")
        self.assertEqual((r.status, r.json()["tags"]), (200, tags[:20]))
        link = re.match("</v2/m/a/([^>]*)>", r["Link"])[1]
        self.cove.command("namespace", "change", "m", "offline=false")
        self.assertEqual(self.listed(n=10000, first=link), tags[20:])


class Fields(list):
    """Several fields of one name."""

    def format(self, **values):
        return [one.format(**values) for one in self]


class Groups(Proxied):
    pages, listed, fill = Tags.pages, Tags.listed, Tags.fill

    def test_of_several(self):
        self.make("second", "upstream_names=none")
        self.cove.command("namespace", "create", "own", "hosted")
        self.cove.command("namespace", "create", "all", "group", "members=m own second", "fall_through=true")
        for name in ("second", "own", "all"):
            self.addCleanup(self.cove.command, "namespace", "remove", name, "--purge")
        self.cove.client("repository:own/a:pull,push").push_image("own/a", "own", [b"own"])
        self.cove.client("repository:own/a:pull,push").push_image("own/a", "z", [b"own"])
        tags = [f"t{i:03}" for i in range(120)]
        self.fill("a", tags)
        everything = sorted(tags + ["own", "z"])
        self.assertEqual(self.listed("all/a", 7), everything)
        self.up.tags_page = 10
        for n in (10000, 30, 7):
            found = self.listed("all/a", n)
            self.assertEqual(sorted(set(found)), everything)
            self.assertLessEqual(len(found), 2 * len(everything))
