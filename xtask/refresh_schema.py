#!/usr/bin/env python3
"""Rebuild schema/bot-api.json from two independent descriptions of the Bot API.

    python3 xtask/refresh_schema.py --newest    # takes the newest packages, writes the file
    python3 xtask/refresh_schema.py             # takes the versions in schema/sources.json
    python3 xtask/refresh_schema.py --check     # compares only; exit 1 if different

`schema/sources.json` has the version of each package that the file was made from; `--newest` and
`--aiogram VERSION`, `--gramio VERSION` write theirs there, unless `--check` or `--out` is given.

The sources are the packages `@gramio/types` (npm, TypeScript declarations) and `aiogram` (PyPI,
pydantic classes). Both are fetched with the ordinary clients, `npm pack` and `pip download`, and
only ever parsed: nothing in them is executed, and only names, types and requiredness are kept.

What comes from where:

- gramio gives the version, the release date, the order, the types, `values` and most `const`;
- aiogram tells `Integer` from `Float` (TypeScript has one `number`), and gives the remaining
  `const` and those members of a union that are not objects (`RichText`);
- `unix_time`: aiogram has date-time types, gramio's comments speak of Unix time. Neither is
  reliable, so where they differ the present file's word stands (aiogram's for a new field): a
  correction made in the file by hand survives;
- the page section of each item is in neither, so it is carried over from the present file. A new
  item gets the section of the item before it, and a warning: check it by hand.

What the present file has and the new one doesn't is added to `schema/removed.json`: the generated
code keeps it for a major version, as deprecated. Write into each new row's `note` what replaced it;
`cargo xtask codegen` fails on an empty one.

Everything that both sources state is compared, and each disagreement is printed on stderr. Where
they disagree gramio's word is written, except as above; what only aiogram has is not written.
Review the diff of the file, too.

Exit codes: 0 done (or no difference), 1 `--check` found a difference, 2 the sources could not be
fetched or have a form that this script does not know.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator, NamedTuple

SCHEMA = Path(__file__).resolve().parent.parent / "schema"
DEFAULT_OUT = SCHEMA / "bot-api.json"
SOURCES = SCHEMA / "sources.json"
REMOVED = SCHEMA / "removed.json"
PLAIN_TYPES = {"Integer", "Float", "String", "Boolean", "True", "Array", "InputFile", "UpdateType"}

# gramio's own helpers, and the upload, which is a plain type of the file and no object.
NOT_OBJECTS = {"InputFile", "APIResponse", "APIResponseOk", "APIResponseError"}
# Lists of values left out of the file: long, and extended without a new version of the API.
OPEN_LISTS = {"Currencies", "ReactionTypeEmojiEmoji"}


class SourceError(Exception):
    """A package is missing or does not look the way this script expects."""


@dataclass
class Field:
    """A field of a type or a parameter of a method. `type` is as in the file, except that gramio's
    `Number` is still to be told apart into `Integer` and `Float`."""

    required: bool
    type: str
    const: str | None = None
    values: list[Any] | None = None
    unix_time: bool = False
    deprecated: bool = False  # aiogram keeps fields that the page no longer lists


@dataclass
class Source:
    """One package's view of the API. Dictionaries keep the order of the source."""

    version: str
    released: str | None = None
    order: list[str] = field(default_factory=list)  # of objects and unions together
    objects: dict[str, dict[str, Field]] = field(default_factory=dict)
    unions: dict[str, list[str]] = field(default_factory=dict)
    tags: dict[str, str | None] = field(default_factory=dict)
    params: dict[str, dict[str, Field]] = field(default_factory=dict)
    returns: dict[str, str] = field(default_factory=dict)


def join(alternatives: list[str]) -> str:
    return " | ".join(dict.fromkeys(alternatives))


def split(text: str, separator: str = "|") -> list[str]:
    """`A | Array<B | C>` -> [`A`, `Array<B | C>`]."""
    parts, depth, start = [], 0, 0
    for i, char in enumerate(text):
        depth += (char == "<") - (char == ">")
        if char == separator and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return [*parts, text[start:].strip()]


# --- Fetching -----------------------------------------------------------------------------------


def run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise SourceError(f"{command[0]} is not installed") from None
    if done.returncode != 0:
        raise SourceError(f"`{' '.join(command)}` failed:\n{done.stderr.strip()}")


def only_file(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise SourceError(f"expected one {pattern}, got {[f.name for f in found]}")
    print(f"read {found[0].name}", file=sys.stderr)
    return found[0]


def fetch_aiogram(version: str | None, folder: Path) -> tuple[str, dict[str, str]]:
    """The package's version, and its Python files by path. Only a wheel will do: to look at a source distribution
    pip may run its build code."""
    spec = f"aiogram=={version}" if version else "aiogram"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--no-deps", "--only-binary", ":all:", "--dest", str(folder), spec])
    wheel = only_file(folder, "aiogram-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = {n: archive.read(n).decode() for n in archive.namelist() if n.endswith(".py")}
    return wheel.name.split("-")[1], files


def fetch_gramio(version: str | None, folder: Path) -> tuple[str, dict[str, str]]:
    """The package's version, and its declaration files by file name."""
    spec = f"@gramio/types@{version or 'latest'}"
    npm = ["npm", "pack", "--loglevel=error", "--ignore-scripts"]
    run([*npm, "--pack-destination", str(folder), spec])
    files = {}
    package = only_file(folder, "gramio-types-*.tgz")
    with tarfile.open(package) as archive:
        for member in archive.getmembers():
            if member.isfile() and member.name.endswith(".d.ts"):
                files[Path(member.name).name] = archive.extractfile(member).read().decode()
    return package.name.removeprefix("gramio-types-").removesuffix(".tgz"), files


# --- gramio: TypeScript declarations ------------------------------------------------------------

TOKEN = re.compile(
    r"""(?P<space>\s+) | (?P<comment>/\*.*?\*/|//[^\n]*) | (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<number>-?\d+) | (?P<name>[A-Za-z_$][\w$.]*) | (?P<mark>=>|[{}()\[\]<>|:;,?=*&])""",
    re.VERBOSE | re.DOTALL,
)
CLOSING = {"{": "}", "(": ")", "<": ">"}
TS_PRIMITIVES = {"number": "Number", "string": "String", "boolean": "Boolean", "true": "True"}
UPDATE_TYPE = 'Exclude<keyof Update, "update_id">'


class Token(NamedTuple):
    kind: str
    text: str
    comment: str  # the one before the token, if any


class Member(NamedTuple):
    """A member of an interface. An alternative of its type is a literal (`"private"`, `5`) or a
    type in the file's notation, without gramio's prefixes."""

    required: bool
    alternatives: list[str]
    unix_time: bool


def tokenize(text: str) -> list[Token]:
    tokens, at, comment = [], 0, ""
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise SourceError(f"gramio: cannot read {text[at : at + 40]!r}")
        if match.lastgroup == "comment":
            comment = match.group()
        elif match.lastgroup != "space":
            tokens.append(Token(match.lastgroup, match.group(), comment))
            comment = ""
        at = match.end()
    return [*tokens, Token("end", "", "")]


def bare_name(name: str) -> str:
    """`Objects.TelegramUser` -> `User`."""
    return name.rpartition(".")[2].removeprefix("Telegram")


class DeclarationParser:
    """Reads `export interface` and `export type`, which is all these files have besides imports."""

    def __init__(self, text: str) -> None:
        self.tokens, self.at = tokenize(text), 0

    def peek(self) -> str:
        return self.tokens[self.at].text

    def next(self) -> Token:
        token = self.tokens[self.at]
        if token.kind != "end":
            self.at += 1
        return token

    def accept(self, text: str) -> bool:
        found = self.tokens[self.at].kind == "mark" and self.peek() == text
        self.at += found
        return found

    def expect(self, text: str) -> None:
        if not self.accept(text):
            around = " ".join(t.text for t in self.tokens[max(self.at - 5, 0) : self.at + 5])
            raise SourceError(f"gramio: expected {text!r} instead of {self.peek()!r} in {around!r}")

    def skip_balanced(self) -> None:
        """Skips `{...}` or `<...>`, nested ones included."""
        closing = CLOSING[self.next().text]
        while not self.accept(closing):
            if self.peek() in CLOSING:
                self.skip_balanced()
            elif self.next().kind == "end":
                raise SourceError(f"gramio: no closing {closing!r}")

    def declarations(self) -> Iterator[tuple[str, dict[str, Member] | list[str]]]:
        """Pairs of a name and either its members or its alternatives."""
        while (token := self.next()).kind != "end":
            if token.text != "export":
                continue
            keyword, name = self.next().text, bare_name(self.next().text)
            if self.peek() == "<":
                self.skip_balanced()
            if keyword == "interface":
                yield name, self.members()
            elif keyword == "type":
                self.expect("=")
                yield name, self.alternatives()

    def members(self) -> dict[str, Member]:
        members = {}
        self.expect("{")
        while not self.accept("}"):
            name = self.next()
            required = not self.accept("?")
            self.expect(":")
            unix_time = "unix time" in name.comment.lower()
            members[name.text.strip('"')] = Member(required, self.alternatives(), unix_time)
            self.accept(";")
        return members

    def alternatives(self) -> list[str]:
        self.accept("|")
        found = self.alternative()
        while self.accept("|"):
            found += self.alternative()
        return found

    def alternative(self) -> list[str]:
        if self.peek() == "{":
            # `{ toString(): string }` and similar types are a convenience for callers.
            self.skip_balanced()
            return []
        if self.accept("("):
            inner = self.alternatives()
            self.expect(")")
        else:
            inner = [self.single()]
        while self.accept("["):
            self.expect("]")
            inner = [f"Array<{join(inner)}>"]
        return inner

    def single(self) -> str:
        token = self.next()
        if token.text == "keyof":
            return f"keyof {self.single()}"
        if token.kind in ("string", "number"):
            return token.text
        if token.kind != "name":
            raise SourceError(f"gramio: expected a type instead of {token.text!r}")
        name = TS_PRIMITIVES.get(token.text, bare_name(token.text))
        if not self.accept("<"):
            return name
        arguments = [join(self.alternatives())]
        while self.accept(","):
            arguments.append(join(self.alternatives()))
        self.expect(">")
        generic = f"{name}<{', '.join(arguments)}>"
        return "UpdateType" if generic == UPDATE_TYPE else generic


def are_literals(alternatives: Any) -> bool:
    return isinstance(alternatives, list) and all(re.match(r'["\d-]', a) for a in alternatives)


def ts_field(member: Member, literals: dict[str, list[str]]) -> Field:
    """`literals` has the named lists of known values, which the file writes in place."""
    required, alternatives, unix_time = member
    name = join(alternatives)
    alternatives = literals.get(name, alternatives)
    if not are_literals(alternatives):
        return Field(required, name, unix_time=unix_time)
    values = [json.loads(literal) for literal in alternatives]
    type_ = "String" if isinstance(values[0], str) else "Integer"
    if len(values) == 1:
        return Field(required, type_, const=values[0])
    return Field(required, type_, values=None if name in OPEN_LISTS else values)


def read_gramio(files: dict[str, str]) -> Source:
    for name in ("objects.d.ts", "params.d.ts", "methods.d.ts"):
        if name not in files:
            raise SourceError(f"gramio: no {name} in the package")
    header = re.search(
        r"Bot API v(\d+(?:\.\d+)*)(?: \((\d\d)\.(\d\d)\.(\d{4})\))?", files["objects.d.ts"]
    )
    if header is None:
        raise SourceError("gramio: no Bot API version in the header of objects.d.ts")
    version, day, month, year = header.groups()
    source = Source(version, f"{year}-{month}-{day}" if day else None)

    objects = dict(DeclarationParser(files["objects.d.ts"]).declarations())
    params = dict(DeclarationParser(files["params.d.ts"]).declarations())
    methods = dict(DeclarationParser(files["methods.d.ts"]).declarations())
    literals = {name: body for name, body in (objects | params).items() if are_literals(body)}
    for name, body in objects.items():
        if name in NOT_OBJECTS or name in literals:
            continue
        source.order.append(name)
        if isinstance(body, dict):
            source.objects[name] = {key: ts_field(one, literals) for key, one in body.items()}
        else:
            source.unions[name] = body
    for name, member in methods["APIMethods"].items():
        # `CallAPI<SendMessageParams, Message>`, or with the result alone.
        *parameters, result = split(join(member.alternatives).partition("<")[2][:-1], ",")
        body = params[parameters[0]] if parameters else {}
        source.params[name] = {key: ts_field(one, literals) for key, one in body.items()}
        source.returns[name] = result
    return source


# --- aiogram: Python classes --------------------------------------------------------------------

# `Default` means "the value that the bot is configured with", `timedelta` is another way for a
# caller to give a date-time.
PY_NAMES = {"int": ["Integer"], "float": ["Float"], "str": ["String"], "bool": ["Boolean"]}
PY_NAMES |= {"datetime": ["DateTime"], "Default": [], "timedelta": []}


class AiogramReader:
    def __init__(self, files: dict[str, str]) -> None:
        version = re.search(r'__api_version__ = "([\d.]+)"', files.get("aiogram/__meta__.py", ""))
        if version is None:
            raise SourceError("aiogram: no Bot API version in aiogram/__meta__.py")
        self.source = Source(version[1])
        self.classes: dict[str, ast.ClassDef] = {}
        self.aliases: dict[str, ast.expr] = {}
        for path, text in sorted(files.items()):
            if path.startswith(("aiogram/types/", "aiogram/methods/", "aiogram/enums/")):
                self.collect(ast.parse(text, path).body)

    def collect(self, body: list[ast.stmt]) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                self.classes[node.name] = node
            elif isinstance(node, ast.If):
                # `if TYPE_CHECKING:` has the plain form of an alias, `else:` one for run time.
                self.collect(node.body)
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                self.aliases[ast.unparse(node.target)] = node.value
            elif isinstance(node, ast.Assign):
                self.aliases[ast.unparse(node.targets[0])] = node.value

    def read(self) -> Source:
        source = self.source
        for name, expr in self.aliases.items():
            if union := self.union_of_alias(name):
                source.unions[union] = self.alternatives(expr)
                source.tags[union] = discriminator(expr)
        for name, node in self.classes.items():
            docs, own = ast.get_docstring(node) or "", assigned(node)
            if "__api_method__" in own:
                method = ast.literal_eval(own["__api_method__"])
                source.params[method] = self.fields(node)
                source.returns[method] = join(self.alternatives(own["__returning__"]))
            # Helpers of aiogram's own link to no section of the page, or to another's.
            elif re.search(rf"api#{name.lower()}$", docs, re.M) and ".. deprecated::" not in docs:
                if name not in source.unions and name not in NOT_OBJECTS:
                    source.objects[name] = self.fields(node)
        return source

    def union_of_alias(self, alias: str) -> str | None:
        """`ChatMemberUnion` stands for the API's `ChatMember`, the base of its members. But
        `InputPollOptionUnion` is just `InputPollOption | str`, and there is no `ChatId` at all."""
        name = alias.removesuffix("Union")
        if name == alias or name not in self.classes:
            return None
        members = [n.id for n in ast.walk(self.aliases[alias]) if isinstance(n, ast.Name)]
        bases = [b for m in members if m in self.classes for b in self.classes[m].bases]
        return name if name in map(ast.unparse, bases) else None

    def fields(self, node: ast.ClassDef) -> dict[str, Field]:
        found: dict[str, Field] = {}
        for base in map(ast.unparse, node.bases):
            # The base of a union may list the fields of all members.
            if base in self.classes and base not in self.source.unions:
                found |= self.fields(self.classes[base])
        for item in node.body:
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                name, parsed = self.field(item.target.id, item)
                found[name] = parsed
        return found

    def field(self, name: str, node: ast.AnnAssign) -> tuple[str, Field]:
        default, deprecated = node.value, False
        if isinstance(default, ast.Call) and ast.unparse(default.func) == "Field":
            options = {k.arg: k.value for k in default.keywords}
            name = ast.literal_eval(options["alias"]) if "alias" in options else name
            deprecated = "json_schema_extra" in options
            default = default.args[0] if default.args else options.get("default")
        parts = self.alternatives(node.annotation)
        type_ = join(["Integer" if part == "DateTime" else part for part in parts])
        const = self.literal(node.annotation)
        # A literal has its only value as the default, and is always sent.
        required = default is None or const is not None or ast.unparse(default) == "..."
        const = const if isinstance(const, str) else None
        return name, Field(required, type_, const, None, "DateTime" in parts, deprecated)

    def literal(self, node: ast.expr) -> Any:
        """The value of `Literal["value"]` or `Literal[SomeEnum.MEMBER]`."""
        if not isinstance(node, ast.Subscript) or ast.unparse(node.value) != "Literal":
            return None
        value = node.slice
        if isinstance(value, ast.Attribute):
            value = assigned(self.classes[ast.unparse(value.value)])[value.attr]
        return ast.literal_eval(value)

    def alternatives(self, node: ast.expr) -> list[str]:
        """The types an annotation allows, in its order and without `None`."""
        if isinstance(node, ast.BinOp):
            return self.alternatives(node.left) + self.alternatives(node.right)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return self.alternatives(ast.parse(node.value, mode="eval").body)
        if isinstance(node, ast.Constant) and node.value is None:
            return []
        if isinstance(node, ast.Attribute) and node.attr in PY_NAMES:  # datetime.datetime
            return PY_NAMES[node.attr]
        if isinstance(node, ast.Name):
            if node.id in PY_NAMES or node.id not in self.aliases:
                return PY_NAMES.get(node.id, [node.id])
            union = self.union_of_alias(node.id)
            return [union] if union else self.alternatives(self.aliases[node.id])
        if isinstance(node, ast.Subscript):
            outer = ast.unparse(node.value)
            if outer == "list":
                return [f"Array<{join(self.alternatives(node.slice))}>"]
            if outer == "Annotated":
                return self.alternatives(node.slice.elts[0])
            if outer == "Literal":
                return PY_NAMES[type(self.literal(node)).__name__]
        raise SourceError(f"aiogram: unknown form of type {ast.unparse(node)}")


def assigned(node: ast.ClassDef) -> dict[str, ast.expr]:
    """`NAME = value` in a class body: the members of an enumeration, `__api_method__`."""
    assignments = [item for item in node.body if isinstance(item, ast.Assign)]
    return {ast.unparse(item.targets[0]): item.value for item in assignments}


def discriminator(expr: ast.expr) -> str | None:
    for node in ast.walk(expr):
        if isinstance(node, ast.keyword) and node.arg == "discriminator":
            return ast.literal_eval(node.value)
    return None


# --- Comparing and merging ----------------------------------------------------------------------

# Differences of notation: aiogram has no `True` and no `UpdateType`, gramio has one `Number`.
LOOSE = {"True": "Boolean", "UpdateType": "String", "Integer": "Number", "Float": "Number"}


def canonical(type_: str, unions: dict[str, list[str]]) -> str:
    """The type in a form in which both sources should agree."""
    parts = set()
    for part in split(type_):
        if part.startswith("Array<"):
            part = f"Array<{canonical(part[6:-1], unions)}>"
        parts.add(LOOSE.get(part, part))
    whole = (name for name, members in unions.items() if parts == set(members))
    return next(whole, join(sorted(parts)))


def number(type_: str, other: str) -> str:
    return type_.replace("Number", "Float" if "Float" in other else "Integer")


class Merger:
    """Compares the sources and builds what the file holds; `notes` says what did not agree."""

    def __init__(self, gramio: Source, aiogram: Source, present: dict[str, Any]) -> None:
        self.gramio, self.aiogram, self.present = gramio, aiogram, present
        self.facts = flatten(present)
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def differ(self, where: str, what: str, gramio: Any, aiogram: Any) -> None:
        if gramio != aiogram:
            self.notes.append(f"{where}: {what}: gramio {gramio!r}, aiogram {aiogram!r}")

    def differ_type(self, where: str, what: str, *types: str) -> None:
        self.differ(where, what, *(canonical(type_, self.gramio.unions) for type_ in types))

    def only_in(self, prefix: str, gramio: dict, aiogram: dict) -> None:
        self.notes += [f"{prefix}{n}: only in gramio" for n in gramio if n not in aiogram]
        self.notes += [f"{prefix}{n}: only in aiogram" for n in aiogram if n not in gramio]

    def merge(self) -> dict[str, Any]:
        gramio, aiogram = self.gramio, self.aiogram
        if gramio.version != aiogram.version:
            versions = f"gramio has Bot API {gramio.version}, aiogram {aiogram.version}"
            self.warnings.append(f"{versions}: choose packages of the same version")
        self.only_in("type ", gramio.objects, aiogram.objects)
        self.only_in("union ", gramio.unions, aiogram.unions)
        self.only_in("method ", gramio.returns, aiogram.returns)
        released = gramio.released or self.present.get("released")
        if gramio.released is None:
            self.warnings.append(f"no release date in gramio: kept {released}, set it by hand")
        schema = {"bot_api": gramio.version, "released": released}
        schema["types"] = self.with_sections("types", self.types())
        schema["methods"] = self.with_sections("methods", self.methods())
        self.warn_of_unknown_types(schema)
        return schema

    def types(self) -> list[dict[str, Any]]:
        objects = {}
        for name, fields in self.gramio.objects.items():
            objects[name] = self.fields(name, fields, self.aiogram.objects.get(name))
        items = {name: {"name": name, "fields": fields} for name, fields in objects.items()}
        return [items.get(name) or self.union(name, objects) for name in self.gramio.order]

    def union(self, name: str, objects: dict[str, list[dict]]) -> dict[str, Any]:
        members = self.gramio.unions[name]
        theirs = self.aiogram.unions.get(name, members)
        plain = [m for m in theirs if m == "String" or m.startswith("Array<")]
        self.differ(name, "members", sorted(members), sorted(set(theirs) - set(plain)))
        item = {"name": name, "one_of": [*plain, *(m for m in members if m not in plain)]}
        # The tag is the field that has one value in every member.
        constant = [[f["name"] for f in objects.get(m, []) if "const" in f] for m in members]
        tag = next((t for t in constant[0] if all(t in others for others in constant)), None)
        if tag:
            item["tag"] = tag
        if stated := self.aiogram.tags.get(name):
            self.differ(name, "tag", tag, stated)
        return item

    def methods(self) -> list[dict[str, Any]]:
        items = []
        for name, params in self.gramio.params.items():
            mine = self.gramio.returns[name]
            theirs = self.aiogram.returns.get(name, mine)
            self.differ_type(name, "returns", mine, theirs)
            merged = self.fields(name, params, self.aiogram.params.get(name))
            items.append({"name": name, "returns": number(mine, theirs), "params": merged})
        return items

    def fields(
        self, owner: str, mine: dict[str, Field], theirs: dict[str, Field] | None
    ) -> list[dict[str, Any]]:
        if theirs is None:  # noted already
            theirs = mine
        current = {k: f for k, f in theirs.items() if k in mine or not f.deprecated}
        self.only_in(f"{owner}.", mine, current)
        return [self.field(owner, k, one, theirs.get(k, one)) for k, one in mine.items()]

    def field(self, owner: str, name: str, mine: Field, theirs: Field) -> dict[str, Any]:
        where = f"{owner}.{name}"
        self.differ(where, "required", mine.required, theirs.required)
        self.differ_type(where, "type", mine.type, theirs.type)
        self.differ(where, "const", mine.const, theirs.const)
        item = {"name": name, "required": mine.required, "type": number(mine.type, theirs.type)}
        if const := mine.const or theirs.const:
            item["const"] = const
        elif mine.values is not None:
            item["values"] = mine.values
        elif self.unix_time(where, mine.unix_time, theirs.unix_time):
            item["unix_time"] = True
        return item

    def unix_time(self, where: str, mine: bool, theirs: bool) -> bool:
        self.differ(where, "unix_time", mine, theirs)
        if mine == theirs:
            return mine
        if where in self.facts:
            return self.facts[where].get("unix_time", False)
        self.warnings.append(f"{where}: NEW, and the sources disagree on unix_time: set it by hand")
        return theirs

    def with_sections(self, kind: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        known = {item["name"]: item["section"] for item in self.present.get(kind, [])}
        section, done = next(iter(known.values()), "unknown"), []
        for item in items:
            name = item.pop("name")
            if name not in known:
                guess = f"section guessed to be {section!r}, set it by hand"
                self.warnings.append(f"{name}: NEW in {kind}, {guess}")
            section = known.get(name, section)
            done.append({"name": name, "section": section, **item})
        return done

    def warn_of_unknown_types(self, schema: dict[str, Any]) -> None:
        known = PLAIN_TYPES | {item["name"] for item in schema["types"]}
        for name, fact in flatten(schema).items():
            if isinstance(fact, dict):
                used = [fact.get("type", ""), fact.get("returns", ""), *fact.get("one_of", [])]
                for unknown in sorted(set(re.findall(r"[^\s|<>]+", " ".join(used))) - known):
                    self.warnings.append(f"{name}: {unknown} is no type of the file")


# --- Items that left the schema ------------------------------------------------------------------

EMPTY_REMOVED: dict[str, list[dict[str, Any]]] = {
    kind: [] for kind in ("types", "methods", "fields", "members", "values")
}


def parts(item: dict[str, Any]) -> list[dict[str, Any]]:
    return item.get("fields", item.get("params", []))


def facts_of(schema: dict[str, Any]) -> dict[str, dict[tuple, dict[str, Any]]]:
    """Everything that can leave the schema: by its kind, and by what tells it from others of the kind."""
    found: dict[str, dict[tuple, dict[str, Any]]] = {kind: {} for kind in EMPTY_REMOVED}
    for kind in ("types", "methods"):
        for item in schema.get(kind, []):
            of = item["name"]
            found[kind][(of,)] = item
            for member in item.get("one_of", []):
                found["members"][of, member] = {"of": of, "member": member}
            for one in parts(item):
                found["fields"][of, one["name"]] = {"of": of, **one}
                for value in one.get("values", []):
                    row = {"of": of, "field": one["name"], "value": value}
                    found["values"][of, one["name"], value] = row
    return found


def key_of(kind: str, row: dict[str, Any]) -> tuple:
    names = {"members": ("of", "member"), "values": ("of", "field", "value"), "fields": ("of", "name")}
    return tuple(row[name] for name in names.get(kind, ("name",)))


def keep_removed(old: dict, new: dict, removed: dict[str, list[dict]]) -> dict[str, list[dict]]:
    """The rows of `removed` that are still gone, and one for each item that `old` has and `new` doesn't."""
    before, after = facts_of(old), facts_of(new)
    kept = {}
    for kind in EMPTY_REMOVED:
        rows = [row for row in removed.get(kind, []) if key_of(kind, row) not in after[kind]]
        known = {key_of(kind, row) for row in rows}
        for key, item in before[kind].items():
            # The parts of an item that left are in its row. Numbers are no values of an enum.
            is_whole = kind in ("types", "methods")
            stays = is_whole or any((item["of"],) in after[k] for k in ("types", "methods"))
            if kind == "values":
                field = after["fields"].get(key[:2])
                stays = isinstance(key[2], str) and field is not None and "values" in field
            if key not in after[kind] and key not in known and stays:
                rows.append({**item, "removed": new["bot_api"], "note": ""})
        kept[kind] = rows
    return kept


def render_removed(removed: dict[str, list[dict]]) -> str:
    """One line for each row."""
    lists = []
    for kind, rows in removed.items():
        lines = ",\n".join(f"  {line(row)}" for row in rows)
        lists.append(f' "{kind}": [\n{lines}\n ]' if rows else f' "{kind}": []')
    return "{\n" + ",\n".join(lists) + "\n}\n"


# --- The file -----------------------------------------------------------------------------------


def line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def render_item(item: dict[str, Any]) -> str:
    """One line for each field, everything else on the item's first line."""
    key = next((k for k in ("fields", "params") if item.get(k)), None)
    if key is None:
        return f"  {line(item)}"
    head = line({k: v for k, v in item.items() if k != key})[:-1]
    fields = ",\n".join(f"    {line(one)}" for one in item[key])
    return f'  {head}, "{key}": [\n{fields}\n  ]}}'


def render(schema: dict[str, Any]) -> str:
    parts = [f' "{key}": {line(schema[key])}' for key in ("bot_api", "released")]
    for key in ("types", "methods"):
        items = ",\n".join(map(render_item, schema[key]))
        parts.append(f' "{key}": [\n{items}\n ]')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def flatten(schema: dict[str, Any]) -> dict[str, Any]:
    """Every fact under a readable name, for telling two files apart."""
    facts = {key: schema[key] for key in ("bot_api", "released") if key in schema}
    for kind in ("types", "methods"):
        facts[f"order of {kind}"] = [item["name"] for item in schema.get(kind, [])]
        for item in schema.get(kind, []):
            name, fields = item["name"], item.get("fields", item.get("params", []))
            facts[name] = {k: v for k, v in item.items() if k not in ("fields", "params")}
            facts[f"order in {name}"] = [one["name"] for one in fields]
            facts |= {f"{name}.{one['name']}": one for one in fields}
    return facts


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    before, after = flatten(old), flatten(new)
    found = []
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        if name.startswith("order "):
            # An item that was added or removed has a line of its own.
            if sorted(was or []) == sorted(now or []):
                found.append(f"~ {name} changed")
        elif was is None or now is None:
            found.append(f"{'+' if was is None else '-'} {name}: {line(now or was)}")
        else:
            found.append(f"~ {name}: {line(was)} -> {line(now)}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Rebuild schema/bot-api.json from two packages.")
    parser.add_argument("--newest", action="store_true", help="take the newest packages")
    for name in ("aiogram", "gramio"):
        parser.add_argument(f"--{name}", metavar="VERSION", help=f"default: as in {SOURCES.name}")
    parser.add_argument("--out", metavar="FILE", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--check", action="store_true", help="compare with FILE, write nothing")
    args = parser.parse_args()

    old_text = args.out.read_text(encoding="utf-8") if args.out.exists() else ""
    present = json.loads(old_text or "{}")
    pinned = {} if args.newest else json.loads(SOURCES.read_text(encoding="utf-8"))
    try:
        with tempfile.TemporaryDirectory() as folder:
            wanted = {name: getattr(args, name) or pinned.get(name) for name in ("aiogram", "gramio")}
            gramio_version, files = fetch_gramio(wanted["gramio"], Path(folder))
            gramio = read_gramio(files)
            aiogram_version, files = fetch_aiogram(wanted["aiogram"], Path(folder))
            aiogram = AiogramReader(files).read()
    except (SourceError, KeyError) as error:  # KeyError: a name that is declared nowhere
        print(f"error: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    merger = Merger(gramio, aiogram, present)
    schema = merger.merge()
    for note in merger.notes:
        print(f"disagreement: {note}", file=sys.stderr)
    for warning in merger.warnings:
        print(f"WARNING: {warning}", file=sys.stderr)
    print(f"{len(merger.notes)} disagreements, {len(merger.warnings)} warnings", file=sys.stderr)

    text = render(schema)
    found = differences(present, schema)
    if text != old_text and not found:
        found = ["~ only the layout differs"]
    print("\n".join([*found, f"{args.out}: {len(found)} differences"]))
    if args.check:
        return 1 if found else 0
    args.out.write_text(text, encoding="utf-8")
    if args.out == DEFAULT_OUT:
        removed = json.loads(REMOVED.read_text(encoding="utf-8"))
        removed = keep_removed(present, schema, removed)
        REMOVED.write_text(render_removed(removed), encoding="utf-8")
        for kind, rows in removed.items():
            for row in rows:
                if not row["note"]:
                    name = ".".join(map(str, key_of(kind, row)))
                    print(f"GONE: {name}: write in {REMOVED.name} what replaced it", file=sys.stderr)
        versions = {"aiogram": aiogram_version, "gramio": gramio_version}
        SOURCES.write_text(json.dumps(versions, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
