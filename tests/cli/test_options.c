// Every command, every option, every kind of file, from the command's own tables: a wrong value, an
// option without what it needs, a file of another kind end with one diagnostic and the right exit
// code, and with --json the failure is JSON. A new option is in here by being in its table.
#define DIR OHMIC_BUILD_DIR "/options"
#include "tests/cli/lines.h"

// ---- wrong values ----------------------------------------------------------------------------

// Refused before anything is done, exit code 2; and a value that is of the kind.
static const struct {
    const char *right, *wrong[5];
} values[] = {
    [KIND_FLAG] = {NULL, {"yes"}},
    [KIND_TEXT] = {"x", {NULL}},
    [KIND_PROMPT] = {"x", {NULL}},
    [KIND_NAME] = {"x", {""}},
    [KIND_PAIR] = {"a=1", {"nosuch", "=1", "nosuch=", ""}},
    [KIND_WORD] = {NULL, {"banana", ""}},
    [KIND_INT] = {"1", {"x", "1.5", "1e3", "99999999999999999999", " 1"}},
    [KIND_SIZE] = {"1", {"-1", "x", "1.5", "2147483648", ""}},
    [KIND_COUNT] = {"1", {"0", "-1", "1e3", "2147483648", ""}},
    [KIND_REAL] = {"1", {"-1", "x", "nan", "inf", ""}},
    [KIND_POSITIVE] = {"1", {"0", "-1", "x", "inf", ""}},
    [KIND_SHARE] = {"0.5", {"-0.1", "1.1", "x", "nan", ""}},
    [KIND_PART] = {"0.5", {"0", "1.1", "x", "nan", ""}},
    [KIND_NUMBERS] = {"1,2", {"1,,2", "1,", "x", "1;2", ""}},
    [KIND_SIZES] = {"1,2", {"1,,2", "1,", "-1", "1.5", ""}},
    [KIND_CHIP] = {"ideal", {"nosuch", ""}},
    [KIND_INPUT] = {DIR "/f.text", {""}},
    [KIND_TENSORS_IN] = {"a=" DIR "/f.npy", {"a=", ""}},
    [KIND_OUTPUT] = {DIR "/out", {""}},
    [KIND_TENSORS_OUT] = {"a=" DIR "/out", {"a=", ""}},
    [KIND_TRACE] = {"0:1", {"a=", ""}},
    [KIND_PLACE] = {DIR "/out", {""}},
    [KIND_FOLDER] = {DIR "/folder", {""}},
};
_Static_assert(ARRAY_LEN(values) == KINDS, "a kind of value has no wrong values");

static const char *right(size_t slot, const json_t *option) {
    const kind k = kind_of(option);
    if (k != KIND_WORD) return spelled(slot, option, values[k].right);
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(field(option, "value"), "|"),
             field(option, "value"));
    return spelled(slot, option, word);
}

// ---- tests -----------------------------------------------------------------------------------

static void kinds_are_told_apart(void **state) {
    for (int k = 0; k < FILE_KINDS; k++)
        assert_string_equal(file_kind_name(file_kind_at(files[k])), file_kind_name((file_kind)k));
}

static void lines_that_work(void **state) {
    EACH_COMMAND(c) {
        words w = line(c);
        works(&w);
        bool prints = o.n_out > 0;
        assert_true(prints);
        size_t i;
        const json_t *option;
        EACH_OPTION(c, i, option) {
            if (strcmp(field(option, "name"), "json") != 0) continue;
            add(&w, "--json");
            works(&w);
            json_t *j = json_loads(o.out, 0, NULL);
            if (!j) fail_msg("ohmic%s prints\n%s", text_of(&w), o.out);
            json_decref(j);
        }
        words help = {0}, same = {0};
        add(&help, OHMIC), add(&help, "help"), add(&help, commands[c].name);
        add(&same, OHMIC), add(&same, commands[c].name), add(&same, "--help");
        works(&help);
        char *first = strcpy(base_alloc(o.n_out + 1), o.out);
        works(&same);
        assert_string_equal(first, o.out);
        free(first);
    }
}

static void wrong_values(void **state) {
    EACH_COMMAND(c) {
        size_t i;
        const json_t *option;
        EACH_OPTION(c, i, option) {
            kind k = kind_of(option);
            for (size_t v = 0; v < ARRAY_LEN(values[k].wrong) && values[k].wrong[v]; v++) {
                words w = line(c);
                add(&w, spelled(0, option, values[k].wrong[v]));
                fails_as_json(w, tables[c], 2, k == KIND_CHIP ? "" : field(option, "name"));
            }
            words w = line(c);
            snprintf(storage[0], sizeof storage[0], "--%s", field(option, "name"));
            if (k != KIND_FLAG) {
                add(&w, storage[0]);
                fails_as_json(w, tables[c], 2, "wants a value");
            }
            w = line(c);
            snprintf(storage[0], sizeof storage[0], "--%sx", field(option, "name"));
            add(&w, storage[0]);
            fails_as_json(w, tables[c], 2, "did you mean '--");
        }
        words w = line(c);
        for (int k = 0; k < 3; k++) add(&w, DIR "/f.folder");
        if (!strstr(field(tables[c], "arguments"), "..."))
            fails_as_json(w, tables[c], 2, "too many arguments");
    }
}

static bool is_in_line(size_t c, const char *option) {
    for (const char *const *s = commands[c].line; *s; s++)
        if (strncmp(*s, "--", 2) == 0 && strcmp(*s + 2, option) == 0) return true;
    return false;
}

static void what_belongs_together(void **state) {
    EACH_COMMAND(c) {
        size_t i, k;
        const json_t *option, *other;
        EACH_OPTION(c, i, option) {
            const json_t *with = json_object_get(option, "with");
            bool there = json_array_size(with) == 0;
            json_array_foreach(with, k, other) {
                option_of(tables[c], json_string_value(other));
                there |= is_in_line(c, json_string_value(other));
            }
            if (!there) {
                words w = line(c);
                add(&w, right(0, option));
                fails_as_json(w, tables[c], 2, "has no effect without --");
            }
            json_array_foreach(json_object_get(option, "without"), k, other) {
                const json_t *second = option_of(tables[c], json_string_value(other));
                words w = line(c);
                add(&w, right(0, option));
                add(&w, right(1, second));
                // What either needs beside it.
                size_t slot = 2;
                const json_t *both[] = {option, second};
                for (int b = 0; b < 2; b++) {
                    const json_t *needs = json_array_get(json_object_get(both[b], "with"), 0);
                    if (needs)
                        add(&w, right(slot++, option_of(tables[c], json_string_value(needs))));
                }
                fails(&w, 2, "exclude each other");
            }
        }
    }
}

// A file of each kind where a command or option does not take it.
static void other_kinds_of_file(void **state) {
    char value[600];
    EACH_COMMAND(c) {
        for (int k = 0; k < FILE_KINDS; k++) {
            if (!json_array_size(json_object_get(tables[c], "takes"))) break;
            if (takes(tables[c], (file_kind)k)) continue;
            words w = line(c);
            w.word[2] = files[k];
            bool told = k != FILE_KIND_text && k != FILE_KIND_bytes && k != FILE_KIND_json;
            fails_as_json(w, tables[c], 1, told ? file_kind_what((file_kind)k) : NULL);
            assert_true(!told || strstr(o.err, "[file-kind]"));
        }
        size_t i;
        const json_t *option;
        EACH_OPTION(c, i, option) {
            kind of = kind_of(option);
            if (of != KIND_INPUT && of != KIND_TENSORS_IN && of != KIND_CHIP) continue;
            assert_true(json_array_size(json_object_get(option, "takes")) > 0);
            for (int k = 0; k <= FILE_KINDS; k++) {
                bool missing = k == FILE_KINDS;
                if (!missing && takes(option, (file_kind)k)) continue;
                if (k == FILE_KIND_bytes || k == FILE_KIND_text || k == FILE_KIND_json) continue;
                snprintf(value, sizeof value, "%s%s", of == KIND_TENSORS_IN ? "x=" : "",
                         missing ? DIR "/no/such" : files[k]);
                const json_t *needs = json_array_get(json_object_get(option, "with"), 0);
                words w = line(c);
                if (commands[c].line == line_eval) w.n = 3, w.word[3] = NULL;
                if (commands[c].line == line_generate) w.n = 3, w.word[3] = NULL;
                if (commands[c].line == line_tokenize) w.n = 3, w.word[3] = NULL;
                if (commands[c].line == line_run) w.n = 3, w.word[3] = NULL;
                if (needs) {
                    const json_t *other = option_of(tables[c], json_string_value(needs));
                    const char *file = takes(other, FILE_KIND_ohm)    ? files[FILE_KIND_ohm]
                                       : takes(other, FILE_KIND_json) ? files[FILE_KIND_json]
                                                                      : files[FILE_KIND_npy];
                    add(&w, spelled(1, other, file));
                } else if (commands[c].line == line_generate) {
                    add(&w, "--prompt-ids=0"), add(&w, "--ids"), add(&w, "-n1");
                }
                if (of == KIND_CHIP && missing) snprintf(value, sizeof value, DIR "/no/such.yaml");
                add(&w, spelled(0, option, value));
                fails_as_json(w, tables[c], 1,
                              missing ? "No such file" : file_kind_what((file_kind)k));
            }
        }
    }
}

static void names_that_do_not_exist(void **state) {
    words w = {0};
    add(&w, OHMIC), add(&w, "cmopile");
    fails(&w, 2, "no command 'cmopile'; did you mean 'compile'?");
    static const struct {
        const char *option, *says;
    } cases[] = {
        {"--bind=nosuch=3", "no input or free dimension 'nosuch'; it has 'x', 'n'"},
        {"--bind=n=1e3",
         "the size of a dimension is a whole number, 1 ... 2147483647, found '1e3'"},
        {"--bind=n=0", "the size of a dimension"},
        {"--bind=x=ones",
         "the value of an input is a number for every element, or positions, found"},
        {"--axis=y:0=batch", "--axis: the model has no input 'y'; it has 'x'; did you mean 'x'?"},
        {"--axis=x:3=batch", "input 'x' has no axis 3: it has 3, from 0 on"},
        {"--axis=x:-1=batch", "input 'x' has no axis -1"},
        {"--axis=x:one=batch", "--axis wants INPUT:AXIS=ROLE"},
        {"--axis=x:0=bacth", "found 'bacth'; did you mean 'batch'?"},
        {"--axis=x:0=tokens:encoder",
         "tokens:enc, or a decoder, tokens:dec, found 'tokens:encoder'"},
        {"--set=crossbar.row=3", "no parameter 'crossbar.row'; did you mean 'crossbar.rows'?"},
        {"--set=crossbar.rows=x", "crossbar.rows is 'x', must be an integer"},
        {"--chip=ideal-int", "no chip 'ideal-int'; there are: "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        EACH_COMMAND(c) {
            if (commands[c].line != line_compile) continue;
            w = line(c);
            add(&w, cases[i].option);
            fails(&w, 2, cases[i].says);
        }
    }
    w = (words){0};
    add(&w, OHMIC), add(&w, "help"), add(&w, "nothing-like-it");
    fails(&w, 2, "no command 'nothing-like-it'");
}

// What a later stage of the IR is past: no option says it any more.
static void options_that_come_too_late(void **state) {
    static const struct {
        const char *command, *file, *option, *says;
    } cases[] = {
        {"compile", "00-input", "--max-tokens=9", "no effect on IR text"},
        {"compile", "00-input", "--bind=n=9", "no effect on IR text"},
        {"compile", "10-quantize", "--window=9", "the pass find-tokens reads it"},
        {"compile", "10-quantize", "--logits=last", "the pass find-tokens reads it"},
        {"compile", "10-quantize", "--adapt=" DIR "/f.json", "the pass choose-readout reads it"},
        {"compile", "10-quantize", "--calibrate=" DIR "/f.json", "the pass quantize reads it"},
        {"compile", "10-quantize", "--static-scales", "the pass quantize reads it"},
        {"opt", "00-input", "--mask=all", "the pass find-tokens reads it, which is not run"},
        {"opt", "00-input", "--pass=fuze", "did you mean 'fuse'?"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        snprintf(storage[0], sizeof storage[0], DIR "/dump/%s.oir", cases[i].file);
        words w = {0};
        add(&w, OHMIC), add(&w, cases[i].command), add(&w, storage[0]), add(&w, cases[i].option);
        fails(&w, 2, cases[i].says);
    }
    WORKS("compile", DIR "/dump/10-quantize.oir", "-q", "-o", DIR "/out");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_told_apart),
        cmocka_unit_test(lines_that_work),
        cmocka_unit_test(wrong_values),
        cmocka_unit_test(what_belongs_together),
        cmocka_unit_test(other_kinds_of_file),
        cmocka_unit_test(names_that_do_not_exist),
        cmocka_unit_test(options_that_come_too_late),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
