#!/usr/bin/env python3
"""A benchmark writes its own part of a page and leaves all else: test_readme_section.py BENCH_DIRECTORY"""
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])

import readme_section  # noqa: E402

README = "before\n<!-- a:begin -->\nold\n<!-- a:end -->\nbetween\n<!-- b:begin -->\n<!-- b:end -->\nafter\n"


class Section(unittest.TestCase):
    def test_only_the_section_of_that_name_is_replaced(self):
        text = readme_section.replaced(README, "b", "new\n\n")
        self.assertEqual(text, README.replace("<!-- b:begin -->\n", "<!-- b:begin -->\nnew\n"))

    def test_a_second_writing_leaves_nothing_of_the_first(self):
        once = readme_section.replaced(README, "a", "one\ntwo")
        self.assertEqual(readme_section.replaced(once, "a", "three"), README.replace("old", "three"))

    def test_a_page_without_the_marks_is_refused(self):
        for text in ("", README.replace("<!-- a:end -->\n", ""), README.replace("<!-- a:begin -->\n", "")):
            with self.assertRaises(ValueError):
                readme_section.replaced(text, "a", "new")

    def test_a_page_that_is_refused_stays_as_it_is(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "README.md")
            with open(path, "w") as file:
                file.write(README)
            with self.assertRaises(ValueError):
                readme_section.write("c", "new", path)
            readme_section.write("b", "new", path)
            with open(path) as file:
                self.assertEqual(file.read(), README.replace("<!-- b:end -->", "new\n<!-- b:end -->"))
            self.assertEqual(os.listdir(directory), ["README.md"])


if __name__ == "__main__":
    del sys.argv[1]
    unittest.main()
