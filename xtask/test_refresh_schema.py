"""Tests of refresh_schema.py. `cargo test -p xtask` runs them."""

import unittest

from refresh_schema import EMPTY_REMOVED, keep_removed, render_removed

FILM = {"name": "Film", "section": "films", "fields": [
    {"name": "title", "required": True, "type": "String"},
    {"name": "length", "required": True, "type": "Integer"},
    {"name": "kind", "required": True, "type": "String", "values": ["sound", "silent"]},
]}
SLIDE = {"name": "Slide", "section": "films", "fields": []}
MEDIA = {"name": "Media", "section": "films", "one_of": ["Film", "Slide"]}
SEND = {"name": "sendFilm", "section": "films", "returns": "True", "params": [
    {"name": "reel", "required": True, "type": "Integer"},
]}
OLD = {"bot_api": "10.3", "types": [FILM, SLIDE, MEDIA], "methods": [SEND]}
NEW = {
    "bot_api": "11.0",
    "types": [
        {**FILM, "fields": [FILM["fields"][0], {**FILM["fields"][2], "values": ["sound"]}]},
        {**MEDIA, "one_of": ["Film"]},
    ],
    "methods": [],
}
LEFT = {"removed": "11.0", "note": ""}


class KeepRemoved(unittest.TestCase):
    def test_everything_that_left_is_recorded_with_an_empty_note(self):
        expected = {
            "types": [{**SLIDE, **LEFT}],
            "methods": [{**SEND, **LEFT}],
            "fields": [{"of": "Film", **FILM["fields"][1], **LEFT}],
            "members": [{"of": "Media", "member": "Slide", **LEFT}],
            "values": [{"of": "Film", "field": "kind", "value": "silent", **LEFT}],
        }
        self.assertEqual(keep_removed(OLD, NEW, EMPTY_REMOVED), expected)

    def test_rows_keep_their_notes_and_are_not_written_twice(self):
        once = keep_removed(OLD, NEW, EMPTY_REMOVED)
        once["methods"][0]["note"] = "Use `setFilm`."
        self.assertEqual(keep_removed(OLD, NEW, once), once)
        self.assertEqual(keep_removed(NEW, NEW, once), once)

    def test_what_is_back_in_the_schema_loses_its_row(self):
        once = keep_removed(OLD, NEW, EMPTY_REMOVED)
        self.assertEqual(keep_removed(NEW, OLD, once), EMPTY_REMOVED)

    def test_each_row_is_a_line(self):
        text = render_removed(keep_removed(OLD, NEW, EMPTY_REMOVED))
        self.assertEqual(text.count("\n"), 17)
        self.assertIn('\n  {"of": "Media", "member": "Slide", "removed": "11.0", "note": ""}\n', text)


if __name__ == "__main__":
    unittest.main()
