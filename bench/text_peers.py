#!/usr/bin/env python3
"""Tokenizers against Hugging Face's `tokenizers` package: ids, spans and decoded text of `ohmic tokenize` beside its own.

  text_peers.py kinds OHMIC             five small trained tokenizers (tests/tokenizer/trained), their texts and more
  text_peers.py mix OHMIC [N [SEED]]    random compositions of every step with random texts; at least N comparisons
  text_peers.py characters OHMIC        every character through every step that looks at characters one by one
  text_peers.py time OHMIC              megabytes a second, and how it grows with the text
  text_peers.py train                   trains the five anew and writes what is expected of them
  text_peers.py tables                  prints tokenizer/text/unicode.def and scripts.def

Needs Python with `tokenizers` 0.23 (pip install tokenizers). Exits 1 when something differs.
"""
import base64
import ctypes
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import unicodedata

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers,
                        processors, trainers)

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TRAINED = os.path.join(ROOT, "tests", "tokenizer", "trained")
KINDS = ["byte_level", "byte_fallback", "wordpiece", "unigram", "wordlevel"]

# ---- texts

WORDS = """the and in of a to was it she he they river stone apple kitten don't we've I'll it's can't hello WORLD
Straße ĞİĞ ïle café naïve Ελληνικά λόγος Привет мир здравствуй Україна ქართული հայերեն שלום עולם مرحبا بالعالم हिन्दी नमस्ते
தமிழ் తెలుగు ಕನ್ನಡ മലയാളം বাংলা ગુજરાતી ਪੰਜਾਬੀ ไทยสวัสดี ລາວ မြန်မာ ភាសាខ្មែរ བོད་ཡིག 中文 日本語 カタカナ ひらがな 한국어 안녕 አማርኛ ᏣᎳᎩ ᐃᓄᒃ
ﬁne ½ ² ⅷ Ⅻ № ℡ Å ﷺ ｆｕｌｌ 12 3.14 1,000 ٣٤٥ ४५६ 2026-11-30 a_b c-d e.f@g.h https://x.y/z?q=1 #tag $5 50% {x} [y] <z>
😀 👍🏽 👩‍👩‍👧‍👦 🇩🇪 ❤️ ✈︎ 🤣 🥰 é ê̄ ạ̈ 각 ｶﾞ ㎏ ① …—“quoted”‘x’ «guillemets» ¿qué? ¡sí!""".split()
SPACES = [" ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", "\u00a0", "\u3000", "\u2009", "\u200b", "\u2028", "\u0085", "▁", ""]
MARKS = [".", ",", "!", "?", "...", "'s", " 's", " n't", " ' ", "-", "_", "##", "</w>", "|", "<pad>", "<unk>", "[MASK]", "\u0000",
         "\u0007", "\u00ad", "\u200d", "\ufeff", "\ufffd", "\ue000", "\U000f0000", "\U0001f9ff", "\u0301", "\u0323", "\u0345"]
SCRIPTS = [(0x20, 0x7F), (0xA0, 0x250), (0x250, 0x370), (0x370, 0x530), (0x530, 0x600), (0x600, 0x780), (0x780, 0x900),
           (0x900, 0xE00), (0xE00, 0x1100), (0x1100, 0x1400), (0x1400, 0x1800), (0x1800, 0x1E00), (0x1E00, 0x2000),
           (0x2000, 0x2C00), (0x2C00, 0x3040), (0x3040, 0x3400), (0x4E00, 0x4F00), (0xA000, 0xABFF), (0xAC00, 0xAD00),
           (0xF900, 0xFFFE), (0x10000, 0x10FFF), (0x11000, 0x12000), (0x16800, 0x17000), (0x1D000, 0x1E000), (0x1E000, 0x1FB00),
           (0x20000, 0x20100)]


def character(r):
    while True:
        c = r.randrange(*r.choice(SCRIPTS))
        if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) != "Cn":
            return chr(c)


def random_text(r, extra=()):
    kind = r.random()
    if kind < 0.02:
        return ""
    if kind < 0.06:
        return r.choice(SPACES + MARKS + WORDS)
    out = []
    for _ in range(r.randrange(1, 14)):
        x = r.random()
        if x < 0.5:
            w = r.choice(WORDS)
            out.append(w.upper() if r.random() < 0.1 else w)
        elif x < 0.65:
            out.append("".join(character(r) for _ in range(r.randrange(1, 5))))
        elif x < 0.8:
            out.append(r.choice(MARKS))
        elif extra and x < 0.9:
            out.append(r.choice(extra))
        else:
            out.append(r.choice(WORDS) * r.randrange(1, 4))
        out.append(" " if r.random() < 0.7 else r.choice(SPACES))
    text = "".join(out)
    return text if r.random() < 0.5 else text.strip()


def texts(n, seed, extra=()):
    r = random.Random(seed)
    first = ["", " ", "  ", "\n", "a", "Once there was a fox.", "\u0000", "é", "\u0301", "😀", "中", "a" * 150, "the " * 30]
    return (first + [random_text(r, extra) for _ in range(n)])[:n]


# ---- ohmic beside it

def ohmic(binary, folder, tokenizer_json, entries, *options):
    """The entries of a file through `ohmic tokenize`: a list of objects, or None and what it said."""
    path, data = os.path.join(folder, "tokenizer.json"), os.path.join(folder, "data.json")
    with open(path, "w") as f:
        f.write(tokenizer_json)
    with open(data, "w") as f:
        json.dump(entries, f)
    run = subprocess.run([binary, "tokenize", path, "--file", data, "--json", *options], capture_output=True, text=True)
    return (json.loads(run.stdout)["texts"], run.stderr) if run.returncode == 0 else (None, run.stderr)


def bytes_of(text, spans):
    """Spans of characters as spans of bytes."""
    at = [0]
    for c in text:
        at.append(at[-1] + len(c.encode()))
    return [[at[b], at[e]] for b, e in spans]


class Tally:
    def __init__(self, what):
        self.what, self.compared, self.bad = what, 0, []

    def differ(self, *story):
        self.bad.append(story)

    def show(self, most=5):
        print(f"{self.what}: {self.compared} compared, {len(self.bad)} differ", flush=True)
        for story in self.bad[:most]:
            print("  ", *story, sep="\n      ")
        return not self.bad


def compare(binary, folder, t, entries, tally, story, special=True, spans=True):
    """Ids, spans and decoded texts of one tokenizer; adds to the tally."""
    spec = t.to_str()
    want = [t.encode(x, add_special_tokens=special) for x in entries]
    got, said = ohmic(binary, folder, spec, entries, "--offsets", *([] if special else ["--no-special"]))
    if got is None:
        tally.compared += len(entries)
        tally.differ(story, "refused: " + said)
        return
    for x, w, g in zip(entries, want, got):
        tally.compared += 1
        if w.ids != g["ids"]:
            tally.differ(story, repr(x), f"ids {w.ids}", f"not {g['ids']}")
        elif spans and bytes_of(x, w.offsets) != g["offsets"]:
            tally.differ(story, repr(x), f"ids {w.ids}", f"spans {bytes_of(x, w.offsets)}", f"not   {g['offsets']}")
    decode(binary, folder, t, [w.ids for w in want], tally, story)


def decode(binary, folder, t, lists, tally, story):
    for options, skip in (([], False), (["--no-special"], True)):
        want, kept = [], []
        for ids in lists:
            try:
                want.append(t.decode(ids, skip_special_tokens=skip))
                kept.append(ids)
            except BaseException:  # a few decoders panic on texts without tokens
                continue
        got, said = ohmic(binary, folder, t.to_str(), kept, "--decode", *options)
        if got is None:
            tally.differ(story, "decoding refused: " + said)
            return
        for ids, w, g in zip(kept, want, got):
            tally.compared += 1
            if w != g["text"]:
                tally.differ(story, f"ids {ids}", f"text {w!r}", f"not  {g['text']!r}")


# ---- a small charsmap, as SentencePiece compiles it

def charsmap(rules):
    """Darts double array over the UTF-8 bytes of the rules' left sides, then their right sides."""
    texts_blob, at = b"", {}
    for right in dict.fromkeys(rules.values()):
        at[right] = len(texts_blob)
        texts_blob += right.encode() + b"\0"
    trie = {}
    for left, right in rules.items():
        node = trie
        for b in left.encode():
            node = node.setdefault(b, {})
        node[-1] = at[right]
    units, used, bases = [0], {0}, set()

    def unit(i, value):
        while len(units) <= i:
            units.append(0)
        units[i] = value

    def place(node, index):
        labels = sorted(0 if k == -1 else k for k in node)
        base = 1
        while base in bases or any((base ^ c) in used for c in labels):
            base += 1
        bases.add(base)
        for c in labels:
            used.add(base ^ c)
        has_leaf = -1 in node
        unit(index, units[index] | (index ^ base) << 10 | (1 << 8 if has_leaf else 0))
        if has_leaf:
            unit(base, 1 << 31 | node[-1])
        for c in labels:
            if c:
                unit(base ^ c, c)
        for c in labels:
            if c:
                place(node[c], base ^ c)

    place(trie, 0)
    while len(units) % 256:
        units.append(0)
    return struct.pack("<I", 4 * len(units)) + struct.pack(f"<{len(units)}I", *units) + texts_blob


def rules(removing):
    """NFKC of some characters, and pairs that become one. Where a rule removes the first character of a text, the package
    moves the spans of all that follow by one."""
    r = {c: unicodedata.normalize("NFKC", c) for c in map(chr, list(range(0xA0, 0x600)) + list(range(0xFB00, 0xFB07)) +
                                                            list(range(0xFF01, 0xFF5F)) + [0x2460, 0x2026, 0x33C4, 0x2474])
         if unicodedata.normalize("NFKC", c) != c}
    r.update({"\t": " ", "\n": " ", "\r": " ", "\u3000": " ", "e\u0301": "é", "a\u0308": "ä", "ﬃ": "ffi"})
    r.update({"\u200b": "", "\u00ad": "", "\u0007": ""} if removing else {})
    return r


# ---- the five kinds

SPECIALS = ["<unk>", "<s>", "</s>"]


def corpus():
    with open(os.path.join(ROOT, "examples", "tales", "eval_texts.txt")) as f:
        lines = f.read().splitlines()
    r = random.Random(1)
    return lines[:40] + [" ".join(r.choice(WORDS) for _ in range(20)) for _ in range(120)]


def template(before, behind, ids):
    items = " ".join([before, "$A", behind]).strip()
    return processors.TemplateProcessing(single=items, pair=items + " $B", special_tokens=ids)


def train_byte_level():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=600, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False))
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    t.add_tokens([AddedToken("fox cub", single_word=True), AddedToken("<mask>", lstrip=True, rstrip=True, special=True)])
    return t


def train_byte_fallback():
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    names = ["<0x%02X>" % b for b in range(256)]
    t.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=700, special_tokens=SPECIALS + names, limit_alphabet=90, show_progress=False))
    spec = json.loads(t.to_str())
    spec["added_tokens"] = [a for a in spec["added_tokens"] if a["content"] not in names]
    t = Tokenizer.from_str(json.dumps(spec))
    t.post_processor = template("<s>", "", [("<s>", 1)])
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                   decoders.Strip(" ", 1, 0)])
    return t


def train_wordpiece():
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer()
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.train_from_iterator(corpus(), trainers.WordPieceTrainer(
        vocab_size=600, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
    t.post_processor = template("[CLS]", "[SEP]", [("[CLS]", 2), ("[SEP]", 3)])
    t.decoder = decoders.WordPiece()
    return t


def train_unigram():
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap(rules(False))), normalizers.Strip(left=False),
                                         normalizers.Replace(Regex(" {2,}"), "▁")])
    t.pre_tokenizer = pre_tokenizers.Metaspace()
    t.train_from_iterator(corpus(), trainers.UnigramTrainer(
        vocab_size=600, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False))
    t.post_processor = template("<s>", "</s>", [("<s>", 0), ("</s>", 2)])
    t.decoder = decoders.Metaspace()
    return t


def train_wordlevel():
    t = Tokenizer(models.WordLevel(unk_token="<unk>"))
    t.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()])
    t.pre_tokenizer = pre_tokenizers.Whitespace()
    t.train_from_iterator(corpus(), trainers.WordLevelTrainer(
        vocab_size=500, special_tokens=SPECIALS, show_progress=False))
    return t


TEXTS = 305


def types_of(spec):
    """The steps of a tokenizer, as PART/Type."""
    out = set()

    def walk(part, o):
        if isinstance(o, dict):
            if "type" in o and o["type"] != "Sequence":
                out.add(part + "/" + o["type"])
            for v in o.values():
                walk(part, v)
        elif isinstance(o, list):
            for v in o:
                walk(part, v)

    for part in ("normalizer", "pre_tokenizer", "decoder", "post_processor", "model"):
        walk(part, {k: v for k, v in (spec[part] or {}).items() if k not in ("vocab", "merges", "special_tokens", "single", "pair")})
    return out


def write_mixed():
    """Random compositions with what the package makes of a few texts: every step at least twice."""
    r = random.Random(3)
    count, rows = {}, []
    while len(rows) < 500 and (len(count) < 41 or min(count.values()) < 2):
        entries = [random_text(r, ["<s>", "</s>", "kitten", "[MASK]", "the river", "Apple"]) for _ in range(3)] + [""]
        try:
            t = random_tokenizer(r, entries, 40)
            t = Tokenizer.from_str(t.to_str())
            want = [t.encode(x) for x in entries]
            back = [t.decode(w.ids, skip_special_tokens=False) for w in want]
        except BaseException:
            continue
        spec = json.loads(t.to_str())
        types = types_of(spec)
        if all(count.get(x, 0) >= 2 for x in types) or len(spec["model"]["vocab"]) > 200:
            continue
        for x in types:
            count[x] = count.get(x, 0) + 1
        rows.append(json.dumps({"tokenizer": spec, "texts": entries, "ids": [w.ids for w in want], "back": back},
                               ensure_ascii=True, separators=(",", ":")))
    with open(os.path.join(TRAINED, "mixed.json"), "w") as f:
        f.write("[\n" + ",\n".join(rows) + "\n]\n")
    print(len(rows), "compositions,", len(count), "types, the rarest", min(count.values()), "times")


def train():
    os.makedirs(TRAINED, exist_ok=True)
    entries = texts(TEXTS, 7, extra=["<s>", "</s>", "[MASK]", "<mask>", "fox cub", "<|endoftext|>", "fox cubs"])
    with open(os.path.join(TRAINED, "texts.json"), "w") as f:
        f.write(json.dumps(entries, indent=0, ensure_ascii=True) + "\n")
    for kind in KINDS:
        t = globals()["train_" + kind]()
        spec = json.loads(t.to_str())
        with open(os.path.join(TRAINED, kind + ".json"), "w") as f:
            f.write(json.dumps(spec, ensure_ascii=False, separators=(",", ":")) + "\n")
        want = [t.encode(x) for x in entries]
        with open(os.path.join(TRAINED, kind + ".want.json"), "w") as f:
            rows = [json.dumps({"ids": w.ids, "text": t.decode(w.ids, skip_special_tokens=False)}, ensure_ascii=True,
                               separators=(",", ":")) for w in want]
            f.write("[\n" + ",\n".join(rows) + "\n]\n")
    write_mixed()
    for name in sorted(os.listdir(TRAINED)):
        print(f"{os.path.getsize(os.path.join(TRAINED, name)):8} {name}")
    return True


def kinds(binary):
    good = True
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            t = Tokenizer.from_file(os.path.join(TRAINED, kind + ".json"))
            extra = list(t.get_added_tokens_decoder().values())
            entries = texts(1500, 11, extra=[a.content for a in extra])
            tally = Tally(kind)
            compare(binary, folder, t, entries, tally, kind)
            r = random.Random(5)
            lists = [[r.randrange(t.get_vocab_size()) for _ in range(r.randrange(20))] for _ in range(500)]
            decode(binary, folder, t, lists, tally, kind + ", random ids")
            good &= tally.show()
    return good


# ---- random compositions

PATTERNS = [r"\s+", r"\w+|[^\w\s]+", r"\d", r"\p{L}+", r"[^\s\p{L}\p{N}]+", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)", r"\p{N}{1,3}",
            r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", r"\bthe\b", r"[[:punct:]]",
            r"[a-z[A-Z]]+", r"a{,2}b", r"[一-龥぀-ゟ゠-ヿ]+", r"\p{Han}|\p{Lu}", r"(?<=a)n", r"$|x", r"[.,!?]", r"\h+", r"[[:alpha:]]+",
            r"\P{L}+", r"\p{M}", r"[\p{P}\p{S}]", r"..", r"[\r\n]", r"\S+", r"\u0061"]
LITERALS = [" ", "  ", "a", "the", ".", "▁", "é", "", "'", "\n", "Ġ", "ab"]


def pattern(r):
    return r.choice(LITERALS) if r.random() < 0.5 else Regex(r.choice(PATTERNS))


def random_normalizer(r):
    made = [
        lambda: normalizers.BertNormalizer(r.random() < .5, r.random() < .5, r.choice([None, True, False]), r.random() < .5),
        normalizers.ByteLevel, normalizers.Lowercase, normalizers.NFC, normalizers.NFD, normalizers.NFKC, normalizers.NFKD,
        normalizers.Nmt, lambda: normalizers.Precompiled(CHARSMAP), lambda: normalizers.Prepend(r.choice(["▁", "ab", "é "])),
        lambda: normalizers.Replace(r.choice([" ", "a", "the", "é", "\n", Regex(r"\s+"), Regex(r"\p{L}"), Regex(" {2,}")]),
                                    r.choice(["", " ", "▁", "xyz", "é"])),
        lambda: normalizers.Strip(r.random() < .5, r.random() < .5), normalizers.StripAccents]
    return r.choice(made)()


def random_pre_tokenizer(r):
    behaviour = r.choice(["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"])
    made = [
        pre_tokenizers.BertPreTokenizer, lambda: pre_tokenizers.ByteLevel(r.random() < .5, True, r.random() < .5),
        lambda: pre_tokenizers.CharDelimiterSplit(r.choice(" a.é▁")), lambda: pre_tokenizers.Digits(r.random() < .5),
        lambda: pre_tokenizers.FixedLength(r.randrange(1, 7)),
        lambda: pre_tokenizers.Metaspace(r.choice("▁_é"), r.choice(["always", "first", "never"]), r.random() < .5),
        lambda: pre_tokenizers.Punctuation(behaviour), lambda: pre_tokenizers.Split(pattern(r), behaviour, r.random() < .3),
        pre_tokenizers.UnicodeScripts, pre_tokenizers.Whitespace, pre_tokenizers.WhitespaceSplit]
    return r.choice(made)()


def random_decoder(r):
    made = [
        lambda: decoders.BPEDecoder(r.choice(["</w>", "a", "▁", ""])), decoders.ByteFallback, decoders.ByteLevel,
        lambda: decoders.CTC(r.choice(["<pad>", "a"]), r.choice(["|", "▁"]), r.random() < .5), decoders.Fuse,
        lambda: decoders.Metaspace(r.choice("▁_é"), r.choice(["always", "first", "never"])),
        lambda: decoders.Replace(r.choice(["▁", " ", "a", "", Regex(r"\s"), Regex(r"[aeiou]+"), Regex("^ ")]), r.choice(["", " ", "xy"])),
        lambda: decoders.Strip(r.choice(" a▁"), r.randrange(3), 0), lambda: decoders.WordPiece(r.choice(["##", "▁"]), r.random() < .5)]
    return r.choice(made)()


def some(r, one, sequence):
    n = r.choice([0, 1, 1, 2, 2, 3])
    if n == 0:
        return None
    steps = [one(r) for _ in range(n)]
    return steps[0] if n == 1 else sequence(steps)


def random_model(r, pieces, most):
    """A model whose vocabulary comes from pieces that texts give."""
    names = sorted({p[:i] for p in pieces for i in range(1, min(len(p), 6) + 1)} | {p[i:i + r.randrange(1, 4)] for p in pieces
                   for i in range(min(len(p), 8))} - {""})
    names = [n for n in names if "\0" not in n]
    r.shuffle(names)
    names = names[:r.randrange(20, most)]
    names = [n for n in dict.fromkeys(SPECIALS + names)]
    kind = r.choice(["BPE", "BPE", "WordPiece", "Unigram", "WordLevel"])
    if r.random() < .5 and most > 100:
        names += [n for n in ("<0x%02X>" % b for b in range(256)) if n not in names]
    if kind == "Unigram":
        return models.Unigram([(n, -r.random() * 12) for n in names], 0, r.random() < .5)
    if kind == "WordPiece":
        prefix = r.choice(["##", "##", "▁", ""])
        names += [prefix + n for n in names[3:most] if prefix and prefix + n not in names]
        return models.WordPiece({n: i for i, n in enumerate(dict.fromkeys(names))}, unk_token="<unk>",
                                max_input_chars_per_word=r.choice([5, 100]), continuing_subword_prefix=prefix)
    if kind == "WordLevel":
        return models.WordLevel({n: i for i, n in enumerate(names)}, unk_token="<unk>")
    prefix, suffix = (r.choice([None, "##"]), r.choice([None, "</w>"])) if r.random() < .3 else (None, None)
    characters = sorted({c for p in pieces for c in p if c != "\0"})
    for n in characters[:most // 2]:
        for x in (n, (prefix or "") + n, n + (suffix or ""), (prefix or "") + n + (suffix or "")):
            if x not in names:
                names.append(x)
    vocabulary = {n: i for i, n in enumerate(dict.fromkeys(names))}
    merges = []
    for _ in range(r.randrange(150)):
        a, b = r.choice(names), r.choice(names)
        cut = len(prefix or "")
        joined = a + b[cut:]
        if not b.startswith(prefix or "") or len(joined) > 12 or not b[cut:]:
            continue
        if joined not in vocabulary:
            vocabulary[joined] = len(vocabulary)
            names.append(joined)
        if (a, b) not in merges:
            merges.append((a, b))
    options = {}
    if prefix:
        options["continuing_subword_prefix"] = prefix
    if suffix:
        options["end_of_word_suffix"] = suffix
    return models.BPE(vocabulary, merges, unk_token=r.choice([None, "<unk>"]), fuse_unk=r.random() < .5,
                      byte_fallback=r.random() < .5, ignore_merges=r.random() < .3, **options)


def random_tokenizer(r, entries, most=400):
    normalizer = some(r, random_normalizer, normalizers.Sequence)
    pre = some(r, random_pre_tokenizer, pre_tokenizers.Sequence)
    pieces = set()
    for x in entries[:12]:
        y = normalizer.normalize_str(x) if normalizer else x
        pieces |= {p for p, _ in pre.pre_tokenize_str(y)} if pre and y else {y}
    t = Tokenizer(random_model(r, sorted(pieces), most))
    if normalizer:
        t.normalizer = normalizer
    if pre:
        t.pre_tokenizer = pre
    decoder = some(r, random_decoder, decoders.Sequence)
    if decoder:
        t.decoder = decoder
    t.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in SPECIALS])
    if r.random() < .5:
        for content in r.sample(["kitten", "[MASK]", "é", "the river", "Apple", " x"], 3):
            if normalizer and not normalizer.normalize_str(content):
                continue  # what becomes nothing stands everywhere: the package cuts all texts there, or panics
            t.add_tokens([AddedToken(content, single_word=r.random() < .4, lstrip=r.random() < .4, rstrip=r.random() < .4,
                                     normalized=r.random() < .6, special=r.random() < .3)])
    one = ("<s>", t.token_to_id("<s>"))
    two = ("</s>", t.token_to_id("</s>"))
    post = r.choice([None, lambda: template("<s>", "</s>", [one, two]), lambda: template("<s> <s>", "", [one]),
                     lambda: processors.BertProcessing(two, one), lambda: processors.RobertaProcessing(two, one, r.random() < .5, True),
                     lambda: processors.ByteLevel(r.random() < .5, r.random() < .5),
                     lambda: processors.Sequence([processors.ByteLevel(False, True), template("<s>", "", [one])])])
    if post:
        t.post_processor = post()
    return t


CHARSMAP = charsmap({a: b for a, b in rules(True).items() if not "\u0100" <= a < "\uff01" or len(a) > 1})


def mix(binary, n=10000, seed=1):
    r = random.Random(seed)
    tally = Tally("random compositions")
    refused = made = 0
    with tempfile.TemporaryDirectory() as folder:
        while tally.compared < n:
            entries = [random_text(r, ["<s>", "</s>", "kitten", "[MASK]", "the river", "Apple"]) for _ in range(20)]
            try:
                t = random_tokenizer(r, entries)
                t = Tokenizer.from_str(t.to_str())
            except BaseException:  # what the package itself does not take
                refused += 1
                continue
            spec = json.loads(t.to_str())
            spec["model"].pop("vocab")
            spec["model"].pop("merges", None)
            story = json.dumps({k: v for k, v in spec.items() if v and k not in ("version", "added_tokens")}, ensure_ascii=False)
            kept = []
            for x in entries:
                try:
                    t.encode(x)
                    kept.append(x)
                except BaseException:
                    continue
            made += 1
            # Without spans: where the model drops characters, the package's are shifted.
            compare(binary, folder, t, kept, tally, story, spans=False)
            size = t.get_vocab_size()
            decode(binary, folder, t, [[r.randrange(size) for _ in range(r.randrange(12))] for _ in range(6)], tally, story)
    print(f"{made} tokenizers, {refused} that the package does not take; seed {seed}")
    return tally.show(20)


# ---- every character

def characters(binary):
    names = {"<0x%02X>" % i: i for i in range(256)}
    names["<unk>"] = 256

    def bare(normalizer=None, pre=None):
        t = Tokenizer(models.BPE(names, [], unk_token="<unk>", byte_fallback=True))
        if normalizer:
            t.normalizer = normalizer
        if pre:  # every piece is marked by what Metaspace puts in front
            t.pre_tokenizer = pre_tokenizers.Sequence([pre, pre_tokenizers.Metaspace(split=False)])
        return t

    steps = {n: bare(getattr(normalizers, n)()) for n in
             ("NFC", "NFD", "NFKC", "NFKD", "Nmt", "Lowercase", "StripAccents", "BertNormalizer", "ByteLevel")}
    steps["BertNormalizer, cased"] = bare(normalizers.BertNormalizer(lowercase=False, strip_accents=True))
    steps["BertNormalizer, accents"] = bare(normalizers.BertNormalizer(strip_accents=False))
    for name, p in (("Punctuation", pre_tokenizers.Punctuation()), ("Digits", pre_tokenizers.Digits(True)),
                    ("Whitespace", pre_tokenizers.Whitespace()), ("WhitespaceSplit", pre_tokenizers.WhitespaceSplit()),
                    ("BertPreTokenizer", pre_tokenizers.BertPreTokenizer()), ("UnicodeScripts", pre_tokenizers.UnicodeScripts())):
        steps[name] = bare(pre=p)
    all_of_them = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    entries = [" ".join(f"a{c}b" for c in all_of_them[i:i + 512]) for i in range(0, len(all_of_them), 512)]
    good = True
    with tempfile.TemporaryDirectory() as folder:
        for name, t in steps.items():
            tally = Tally(name)
            got, said = ohmic(binary, folder, t.to_str(), entries, "--no-special")
            want = t.encode_batch(entries, add_special_tokens=False)
            for i, w in enumerate(want):
                tally.compared += len(all_of_them[512 * i:512 * i + 512])
                if got is None or w.ids != got[i]["ids"]:
                    tally.differ(f"characters {512 * i:#x} and on", said if got is None else "")
            good &= tally.show()
    return good


# ---- speed

def timing(binary):
    r = random.Random(3)
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            path = os.path.join(TRAINED, kind + ".json")
            t = Tokenizer.from_file(path)
            line = []
            for megabytes in (1, 2, 4):
                data = os.path.join(folder, "long.txt")
                text = " ".join(r.choice(WORDS[:20]) for _ in range(megabytes * 220000))
                with open(data, "w") as f:
                    f.write(text)
                start = time.time()
                subprocess.run([binary, "tokenize", path, "--file", data, "--text-by", "file"], check=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                ours = time.time() - start
                start = time.time()
                t.encode(text)
                theirs = time.time() - start
                size = len(text.encode()) / 1e6
                line.append(f"{size:.1f} MB {ours:.2f} s ({size / ours:.1f} MB/s; the package {size / theirs:.1f})")
            print(f"{kind}: " + ", ".join(line), flush=True)
    return True


# ---- the tables of tokenizer/text/unicode.c

def ranges(s):
    out = []
    for c in sorted(s):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def rows(cells, width=118):
    line = ""
    for c in cells:
        if len(line) + len(c) + 1 > width:
            yield line
            line = c
        else:
            line = f"{line} {c}".strip()
    if line:
        yield line


def tables():
    utf8proc = ctypes.CDLL("libutf8proc.so.2")
    utf8proc.utf8proc_category_string.restype = ctypes.c_char_p
    every = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    category = {c: utf8proc.utf8proc_category_string(c).decode() for c in every}

    def of(*categories):
        return {c for c in every if category[c].startswith(categories)}

    def dropped(n):
        return {c for c in every if n.normalize_str(f"a{chr(c)}b") == "ab"}

    def cut(p, around):
        return {c for c in every if chr(c) != around and len(p.pre_tokenize_str(around + chr(c) + around)) == 3}

    bert = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
    seen = {
        "control": dropped(normalizers.BertNormalizer(**{**bert, "clean_text": True})) - {0, 0xFFFD},
        "mark": dropped(normalizers.StripAccents()), "accent": dropped(normalizers.BertNormalizer(**{**bert, "strip_accents": True})),
        "punctuation": {c for c in cut(pre_tokenizers.Punctuation(), "a") if c >= 128},
        "number": cut(pre_tokenizers.Digits(True), "a"),
        "word": {c for c in every if len(pre_tokenizers.Whitespace().pre_tokenize_str("a" + chr(c))) == 1} - {
            c for c in every if chr(c).isspace() or c == 0x85}}
    ours = {"control": of("Cc", "Cf", "Co") - {0, 9, 10, 13}, "mark": of("M"), "accent": of("Mn"),
            "punctuation": {c for c in of("P") if c >= 128}, "number": of("N"),
            "word": of("L", "M", "Nd", "Nl", "Pc")}
    whole = {c for c in every if normalizers.NFKD().normalize_str(chr(c)) == chr(c) and
             unicodedata.normalize("NFKD", chr(c)) != chr(c)}
    print("// ---- unicode.def (`whole` by Python's Unicode; utf8proc's may know later characters)")
    for name in ours:
        for table, s in ((name + "_not", ours[name] - seen[name]), (name, seen[name] - ours[name])):
            print(*rows(f"R({table}, 0x{a:X}, 0x{b:X})" for a, b in ranges(s)), sep="\n")
    print(*rows(f"R(whole, 0x{a:X}, 0x{b:X})" for a, b in ranges(whole)), sep="\n")
    p = pre_tokenizers.UnicodeScripts()

    def one(x):
        return len(p.pre_tokenize_str(x)) == 1

    firsts, out = [], []
    for c in every:
        x = chr(c)
        if one("a" + x + "a") and one("Ω" + x + "Ω"):
            continue
        if out and out[-1][1] == c - 1 and one(chr(c - 1) + x):
            out[-1][1] = c
            continue
        script = next((i for i, f in enumerate(firsts) if one(f + x)), None)
        if script is None:
            script = len(firsts)
            firsts.append(x)
        out.append([c, c, script + 1])
    print("// ---- scripts.def")
    print(*rows(f"S(0x{a:X}, 0x{b:X}, {s})" for a, b, s in out), sep="\n")
    return True


if __name__ == "__main__":
    commands = {"kinds": kinds, "mix": mix, "characters": characters, "time": timing, "train": train, "tables": tables}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    rest = [int(x) if x.isdigit() else x for x in sys.argv[2:]]
    sys.exit(0 if commands[sys.argv[1]](*rest) else 1)
