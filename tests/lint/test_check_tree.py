#!/usr/bin/env python3
"""The lint itself is tested: every rule must speak when it is broken, and be silent on a clean tree."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

LINT = pathlib.Path(__file__).with_name("check_tree.py")
CLEAN = '/* Owns nothing. */\n#ifndef ENGINE_BASE_A_H\n#define ENGINE_BASE_A_H\n#endif\n'


class LintSpeaks(unittest.TestCase):
    def lint(self, files):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for sub in ("engine/base", "engine/io", "dns", "tls", "store", "bench", "tests"):
                (root / sub).mkdir(parents=True)
            for name, text in files.items():
                (root / name).write_text(text)
            done = subprocess.run([sys.executable, str(LINT), folder], capture_output=True, text=True, check=False)
            return done.returncode, done.stdout

    def assert_says(self, files, words):
        code, out = self.lint(files)
        self.assertEqual(code, 1, out)
        self.assertIn(words, out)

    def test_a_clean_tree_is_silent(self):
        code, out = self.lint({"engine/base/a.h": CLEAN})
        self.assertEqual(code, 0, out)

    def test_an_arrow_backwards_is_found(self):
        self.assert_says({"engine/base/a.c": '#include "dns/b.h"\n'}, "engine/base may not include dns")

    def test_a_foreign_header_outside_its_owner_is_found(self):
        self.assert_says({"dns/a.c": "#include <openssl/ssl.h>\n"}, "only bench/micro and tls may include <openssl/ssl.h>")

    def test_a_banned_call_is_found_with_its_replacement(self):
        self.assert_says({"dns/a.c": "void f(void)\n{\n\tsprintf(x, y);\n}\n"}, "use snprintf")

    def test_a_banned_call_in_a_comment_is_not_found(self):
        code, out = self.lint({"dns/a.c": "/* never sprintf() here */\n"})
        self.assertEqual(code, 0, out)

    def test_a_long_function_is_found(self):
        body = "\tf();\n" * 80
        self.assert_says({"dns/a.c": "void g(void)\n{\n" + body + "}\n"}, "function of 81 lines")

    def test_a_long_file_is_found(self):
        self.assert_says({"dns/a.c": "int x;\n" * 501}, "501 lines, at most 500")

    def test_a_header_without_guard_or_contract_is_found(self):
        self.assert_says({"dns/a.h": "int x;\n"}, "include guard must be DNS_A_H")
        self.assert_says({"dns/a.h": "int x;\n"}, "opens with its contract")

    def test_another_top_level_entry_is_found(self):
        self.assert_says({"notes.txt": "x"}, "no other top-level entries")


if __name__ == "__main__":
    unittest.main()
