#!/usr/bin/env python3
"""Checks what the compiler can not: arrows between folders, owners of foreign headers, banned calls,
sizes, top-level entries. Run by `meson test`; prints one line for each problem and what to do about it."""
import pathlib
import re
import sys

# folder: the folders whose headers it may include beside its own (DESIGN 3)
MAY_INCLUDE = {
    "engine/base": set(),
    "dns": {"engine/base"},
    "tls": {"engine/base"},
    "store": {"engine/base"},
    "engine/io": {"engine/base", "tls"},
    "engine/smtp": {"engine/base"},
    "engine/mail": {"engine/base"},
    "engine/spool": {"engine/base", "engine/mail"},
    "engine/plan": {"engine/base"},
    "engine/route": {"engine/base", "engine/io", "dns", "tls", "store"},
    "engine/run": {"engine", "engine/base", "engine/io", "engine/smtp", "engine/mail", "engine/spool", "engine/plan",
                   "engine/route", "dns", "tls", "store"},
    "engine": {"engine/base", "engine/run"},
    "bench": {"engine/base", "engine/io", "engine/smtp", "engine/mail", "engine/spool", "engine/plan",
              "dns", "tls", "store"},
    "bench/micro": {"engine/base", "engine/io", "engine/smtp", "engine/mail", "engine/spool", "engine/plan",
                    "engine/route", "dns", "tls", "store", "bench"},
}
# header: who may include it. bench/micro measures what BoringSSL does by itself.
OWNERS = {"liburing.h": {"engine/io"}, "unbound": {"dns"}, "lmdb.h": {"store"}, "http_parser.h": {"engine/route"},
          "openssl/": {"tls", "bench/micro"},
          "android/openssl/": {"tls"}}
BANNED = {
    "sprintf": "snprintf or buf_printf", "vsprintf": "vsnprintf", "strcpy": "buf_put_text",
    "strncpy": "memcpy with a checked length", "strcat": "buf_put_text", "strtok": "struct text",
    "atoi": "strtol with its checks", "atol": "strtol with its checks", "alloca": "arena_alloc",
    "rand": "random_u64", "srand": "random_u64", "gettimeofday": "clock_now_ns",
    "sleep": "a timer of the loop", "usleep": "a timer of the loop", "nanosleep": "a timer of the loop",
    "getaddrinfo": "dns_resolver", "gethostbyname": "dns_resolver",
}
BANNED_TEXT = {"FIXME": "an issue", "TODO": "an issue", "XXX": "a sentence", "time(NULL)": "clock.h"}
TOP_LEVEL = {"engine", "dns", "tls", "store", "bench", "tests", "meson.build", "meson_options.txt", "README.md"}
FILE_LINES_MAX, HEADER_LINES_MAX, FUNCTION_LINES_MAX, COLUMNS_MAX = 500, 150, 70, 110

CODE_FOLDERS = ("engine", "dns", "tls", "store", "bench")


def strip_comments(text):
    """Comments and string literals become blanks; line numbers stay."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", blank, text, flags=re.S)


def folder_of_include(path, root):
    """The folder that an #include "a/b.h" names: a, if it is one of ours."""
    folder = str(pathlib.PurePosixPath(path).parent)
    return folder if (root / folder).is_dir() else None


def check_includes(name, folder, lines, root, problems):
    for n, line in enumerate(lines, 1):
        if match := re.match(r'\s*#\s*include "(.*)"', line):
            target = folder_of_include(match[1], root)
            if target is None:
                problems.append(f'{name}:{n}: "{match[1]}" is not a path from the root of the project')
            elif target != folder and target not in MAY_INCLUDE.get(folder, set()):
                problems.append(f"{name}:{n}: {folder} may not include {target} (DESIGN 3)")
        if match := re.match(r"\s*#\s*include <(.*)>", line):
            for header, owners in OWNERS.items():
                if match[1].startswith(header) and folder not in owners:
                    problems.append(f"{name}:{n}: only {' and '.join(sorted(owners))} may include <{match[1]}>")


def check_functions(name, lines, problems):
    start = None
    for n, line in enumerate(lines, 1):
        if line == "{":
            start = n
        if line == "}" and start:
            if n - start > FUNCTION_LINES_MAX:
                problems.append(f"{name}:{start}: function of {n - start} lines, at most {FUNCTION_LINES_MAX}")
            start = None


def check_banned(name, code_lines, lines, problems):
    for n, line in enumerate(code_lines, 1):
        for word, instead in BANNED.items():
            if re.search(rf"(?<![\w.>]){word}\s*\(", line):
                problems.append(f"{name}:{n}: {word}() is banned, use {instead}")
    for n, line in enumerate(lines, 1):
        for word, instead in BANNED_TEXT.items():
            if re.search(rf"(?<!\w){re.escape(word)}", line):
                problems.append(f"{name}:{n}: '{word}' is banned, write {instead}")
        if len(line.expandtabs(8)) > COLUMNS_MAX:
            problems.append(f"{name}:{n}: {len(line.expandtabs(8))} columns, at most {COLUMNS_MAX}")
        if line != line.rstrip():
            problems.append(f"{name}:{n}: blanks at the end of the line")


def check_header(name, lines, problems):
    guard = re.sub(r"\W", "_", str(name)).upper()
    folder = name.parent.name.upper() + "_"
    short = guard.replace(folder + folder, folder)  # engine/smtp/smtp_caps.h: ENGINE_SMTP_CAPS_H
    if not any(line in (f"#ifndef {guard}", f"#ifndef {short}") for line in lines):
        problems.append(f"{name}: the include guard must be {short}")
    if not lines or not lines[0].startswith("/*"):
        problems.append(f"{name}: a header opens with its contract, in a comment")
    if len(lines) > HEADER_LINES_MAX:
        problems.append(f"{name}: {len(lines)} lines, a header has at most {HEADER_LINES_MAX}")


def check_file(path, root, problems):
    name, folder = path.relative_to(root), str(path.parent.relative_to(root))
    text = path.read_text()
    lines, code_lines = text.splitlines(), strip_comments(text).splitlines()
    if len(lines) > FILE_LINES_MAX:
        problems.append(f"{name}: {len(lines)} lines, at most {FILE_LINES_MAX}: is there a second subject inside?")
    check_includes(name, folder, lines, root, problems)
    check_functions(name, lines, problems)
    check_banned(name, code_lines, lines, problems)
    if path.suffix == ".h":
        check_header(name, lines, problems)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    problems = []
    for entry in sorted(root.iterdir()):
        if not entry.name.startswith(".") and entry.name not in TOP_LEVEL and not entry.name.startswith("build"):
            problems.append(f"{entry.name}: no other top-level entries than {', '.join(sorted(TOP_LEVEL))}")
    files = [p for folder in CODE_FOLDERS for p in sorted((root / folder).rglob("*.[ch]"))]
    for path in files:
        check_file(path, root, problems)
    print("\n".join(problems) if problems else f"{len(files)} files keep the rules")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
