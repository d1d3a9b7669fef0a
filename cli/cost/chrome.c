// The JSON of Chrome's tracing: a list of events, times in microseconds with three digits behind
// the point. https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
#include "cli/cost/trace.h"
#include <inttypes.h>
#include <stdarg.h>

static void put(bytes_out *b, const char *s) { bytes_put(b, s, strlen(s)); }

__attribute__((format(printf, 2, 3))) static void put_format(bytes_out *b, const char *format,
                                                             ...) {
    char text[96];
    va_list list;
    va_start(list, format);
    int n = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    bytes_put(b, text, (size_t)n);
}

// Texts are printable (name.h), so that only these two are to be escaped.
static void put_text(bytes_out *b, const char *s) {
    put(b, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') put(b, "\\");
        bytes_put(b, s, 1);
    }
    put(b, "\"");
}

static void put_time(bytes_out *b, timing_ps ns) {
    put_format(b, "%" PRId64 ".%03d", ns / 1000, (int)(ns % 1000));
}

static void begin(trace *t) {
    static const char head[] = "{\"displayTimeUnit\": \"ns\", \"traceEvents\": [";
    trace_write(t, head, sizeof head - 1);
}

static void begin_event(trace *t) {
    vec_clear(&t->event);
    put(&t->event, t->begun ? ",\n" : "\n");
    t->begun = true;
}

static void end_event(trace *t) { trace_write(t, t->event.items, t->event.count); }

static void name_of(trace *t, const char *what, uint32_t process, uint32_t number,
                    const char *name) {
    begin_event(t);
    put_format(&t->event, "{\"ph\": \"M\", \"name\": \"%s\", \"pid\": %u, \"tid\": %u, ", what,
               process + 1, number);
    put(&t->event, "\"args\": {\"name\": ");
    put_text(&t->event, name);
    put(&t->event, "}}");
    end_event(t);
}

static void track(trace *t, uint32_t number) {
    const trace_track *k = &t->tracks[number];
    if (k->first) name_of(t, "process_name", k->process, number, k->of);
    if (!k->counts) name_of(t, "thread_name", k->process, number, k->name);
}

static void slice(trace *t, const trace_slice *s) {
    const trace_source *source = &t->sources[s->source];
    bytes_out *b = &t->event;
    timing_ps from = s->from / 1000, until = s->until / 1000;
    begin_event(t);
    put_format(b, "{\"ph\": \"X\", \"pid\": %u, \"tid\": %u, \"ts\": ",
               t->tracks[s->track].process + 1, s->track);
    put_time(b, from);
    put(b, ", \"dur\": ");
    put_time(b, until - from);
    put(b, ", \"name\": ");
    put_text(b, source->name);
    put(b, ", \"cat\": ");
    put_text(b, source->kind);
    put_format(b, ", \"args\": {\"row\": %" PRId64 ", \"step\": %u, \"instruction\": ", s->row,
               s->step);
    put_text(b, source->text);
    put(b, "}}");
    end_event(t);
}

static void count(trace *t, uint32_t number, timing_ps at, double value) {
    const trace_track *k = &t->tracks[number];
    begin_event(t);
    put_format(&t->event, "{\"ph\": \"C\", \"pid\": %u, \"ts\": ", k->process + 1);
    put_time(&t->event, at / 1000);
    put(&t->event, ", \"name\": ");
    put_text(&t->event, k->name);
    put(&t->event, ", \"args\": {");
    put_text(&t->event, k->counts);
    put_format(&t->event, ": %.9g}}", value);
    end_event(t);
}

static void end(trace *t) { trace_write(t, "\n]}\n", 4); }

const trace_format trace_chrome = {begin, track, slice, count, end};
