// Perfetto's trace format: a Trace is packets, a packet holds one event or describes one track.
// Field numbers: protos/perfetto/trace of the Perfetto project, 2025 (package perfetto 0.59).
#include "cli/cost/trace.h"

// All packets are of one writer. Texts are written once and numbered (interned).
enum { SEQUENCE = 1 };

enum { TRACE_PACKET = 1 };
enum {
    PACKET_TIMESTAMP = 8,
    PACKET_SEQUENCE = 10,
    PACKET_EVENT = 11,
    PACKET_INTERNED = 12,
    PACKET_FLAGS = 13,
    PACKET_TRACK = 60
};
enum { FLAG_STATE_BEGINS = 1, FLAG_NEEDS_STATE = 2 };
enum { TRACK_ID = 1, TRACK_NAME = 2, TRACK_PROCESS = 3, TRACK_PARENT = 5, TRACK_COUNTER = 8 };
enum { PROCESS_ID = 1, PROCESS_NAME = 6 };
enum { COUNTER_UNIT_NAME = 6 };
enum {
    EVENT_KIND = 3,
    EVENT_NOTE = 4,
    EVENT_TYPE = 9,
    EVENT_NAME = 10,
    EVENT_TRACK = 11,
    EVENT_VALUE = 44
};
enum { TYPE_BEGIN = 1, TYPE_END = 2, TYPE_COUNTER = 4 };
enum { NOTE_NAME = 1, NOTE_COUNT = 3, NOTE_TEXT = 17 };
enum { INTERNED_KINDS = 1, INTERNED_NAMES = 2, INTERNED_NOTES = 3, INTERNED_TEXTS = 29 };
enum { ENTRY_NUMBER = 1, ENTRY_TEXT = 2 };
enum { NOTE_ROW = 1, NOTE_STEP, NOTE_INSTRUCTION };

static void put_number(bytes_out *b, uint64_t v) {
    for (; v >= 128; v >>= 7) vec_push(b, (uint8_t)(v | 128));
    vec_push(b, (uint8_t)v);
}

static void put(bytes_out *b, uint32_t field, uint64_t v) {
    put_number(b, (uint64_t)field << 3);
    put_number(b, v);
}

static void put_bytes(bytes_out *b, uint32_t field, const void *p, size_t n) {
    put_number(b, (uint64_t)field << 3 | 2);
    put_number(b, n);
    bytes_put(b, p, n);
}

static void put_text(bytes_out *b, uint32_t field, const char *s) {
    put_bytes(b, field, s, strlen(s));
}

static void put_real(bytes_out *b, uint32_t field, double v) {
    put_number(b, (uint64_t)field << 3 | 1);
    bytes_put_f64(b, v);
}

static void begin_packet(trace *t) {
    vec_clear(&t->packet);
    put(&t->packet, PACKET_SEQUENCE, SEQUENCE);
}

static void end_packet(trace *t) {
    vec_clear(&t->note);
    put_number(&t->note, TRACE_PACKET << 3 | 2);
    put_number(&t->note, t->packet.count);
    trace_write(t, t->note.items, t->note.count);
    trace_write(t, t->packet.items, t->packet.count);
}

// Tracks and processes have numbers of one kind.
static uint64_t id_of_track(uint32_t number) { return 2 * (uint64_t)number + 1; }
static uint64_t id_of_process(uint32_t process) { return 2 * (uint64_t)process + 2; }

// An entry of interned data, into t->event.
static void intern(trace *t, uint32_t list, uint64_t number, const char *text) {
    vec_clear(&t->note);
    put(&t->note, ENTRY_NUMBER, number);
    put_text(&t->note, ENTRY_TEXT, text);
    put_bytes(&t->event, list, t->note.items, t->note.count);
}

static void begin(trace *t) {
    begin_packet(t);
    put(&t->packet, PACKET_FLAGS, FLAG_STATE_BEGINS);
    vec_clear(&t->event);
    intern(t, INTERNED_NOTES, NOTE_ROW, "row");
    intern(t, INTERNED_NOTES, NOTE_STEP, "step");
    intern(t, INTERNED_NOTES, NOTE_INSTRUCTION, "instruction");
    put_bytes(&t->packet, PACKET_INTERNED, t->event.items, t->event.count);
    end_packet(t);
}

static void describe_process(trace *t, const trace_track *k) {
    begin_packet(t);
    vec_clear(&t->event);
    vec_clear(&t->note);
    put(&t->note, PROCESS_ID, k->process + 1);
    put_text(&t->note, PROCESS_NAME, k->of);
    put(&t->event, TRACK_ID, id_of_process(k->process));
    put_bytes(&t->event, TRACK_PROCESS, t->note.items, t->note.count);
    put_bytes(&t->packet, PACKET_TRACK, t->event.items, t->event.count);
    end_packet(t);
}

static void track(trace *t, uint32_t number) {
    const trace_track *k = &t->tracks[number];
    if (k->first) describe_process(t, k);
    begin_packet(t);
    vec_clear(&t->event);
    put(&t->event, TRACK_ID, id_of_track(number));
    put_text(&t->event, TRACK_NAME, k->name);
    put(&t->event, TRACK_PARENT, id_of_process(k->process));
    if (k->counts) {
        vec_clear(&t->note);
        put_text(&t->note, COUNTER_UNIT_NAME, k->counts);
        put_bytes(&t->event, TRACK_COUNTER, t->note.items, t->note.count);
    }
    put_bytes(&t->packet, PACKET_TRACK, t->event.items, t->event.count);
    end_packet(t);
}

static void begin_event(trace *t, timing_ps at, uint32_t flags) {
    begin_packet(t);
    put(&t->packet, PACKET_TIMESTAMP, (uint64_t)at / 1000);
    if (flags) put(&t->packet, PACKET_FLAGS, flags);
}

static void note(trace *t, uint32_t name, uint32_t kind, uint64_t value) {
    vec_clear(&t->note);
    put(&t->note, NOTE_NAME, name);
    put(&t->note, kind, value);
    put_bytes(&t->event, EVENT_NOTE, t->note.items, t->note.count);
}

static void slice(trace *t, const trace_slice *s) {
    const trace_source *source = &t->sources[s->source];
    uint64_t number = (uint64_t)s->source + 1;
    begin_event(t, s->from, FLAG_NEEDS_STATE);
    if (!t->known[s->source]) {
        t->known[s->source] = true;
        vec_clear(&t->event);
        intern(t, INTERNED_NAMES, number, source->name);
        intern(t, INTERNED_TEXTS, number, source->text);
        intern(t, INTERNED_KINDS, number, source->kind);
        put_bytes(&t->packet, PACKET_INTERNED, t->event.items, t->event.count);
    }
    vec_clear(&t->event);
    put(&t->event, EVENT_TYPE, TYPE_BEGIN);
    put(&t->event, EVENT_TRACK, id_of_track(s->track));
    put(&t->event, EVENT_NAME, number);
    put(&t->event, EVENT_KIND, number);
    note(t, NOTE_ROW, NOTE_COUNT, (uint64_t)s->row);
    note(t, NOTE_STEP, NOTE_COUNT, s->step);
    note(t, NOTE_INSTRUCTION, NOTE_TEXT, number);
    put_bytes(&t->packet, PACKET_EVENT, t->event.items, t->event.count);
    end_packet(t);
    begin_event(t, s->until, 0);
    vec_clear(&t->event);
    put(&t->event, EVENT_TYPE, TYPE_END);
    put(&t->event, EVENT_TRACK, id_of_track(s->track));
    put_bytes(&t->packet, PACKET_EVENT, t->event.items, t->event.count);
    end_packet(t);
}

static void count(trace *t, uint32_t number, timing_ps at, double value) {
    begin_event(t, at, 0);
    vec_clear(&t->event);
    put(&t->event, EVENT_TYPE, TYPE_COUNTER);
    put(&t->event, EVENT_TRACK, id_of_track(number));
    put_real(&t->event, EVENT_VALUE, value);
    put_bytes(&t->packet, PACKET_EVENT, t->event.items, t->event.count);
    end_packet(t);
}

static void end(trace *t) {}

const trace_format trace_pftrace = {begin, track, slice, count, end};
