"""Decodes a timeline by Perfetto's published schema (package perfetto), and says what it finds:
perfetto_check.py FILE. Exit code 3: the package is not there."""
import sys

try:
    from google.protobuf.unknown_fields import UnknownFieldSet
    from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as schema
except ImportError:
    sys.exit(3)



def known(message):
    assert not len(UnknownFieldSet(message)), f"fields that the schema does not know: {message}"
    for field, value in message.ListFields():
        if field.type != field.TYPE_MESSAGE:
            continue
        for m in [value] if hasattr(value, "ListFields") else value:
            known(m)


trace = schema.Trace()
with open(sys.argv[1], "rb") as f:
    data = f.read()
trace.ParseFromString(data)
tracks, names, texts, last, open_slices = {}, {}, {}, {}, {}
slices = counters = zero = 0
cleared = False
for p in trace.packet:
    known(p)
    assert p.trusted_packet_sequence_id == 1
    if p.sequence_flags & 1:
        cleared = True
    assert cleared, "the state of the sequence begins with its first packet"
    for e in p.interned_data.event_names:
        names[e.iid] = e.name
    for e in p.interned_data.debug_annotation_string_values:
        texts[e.iid] = e.str.decode()
    if p.HasField("track_descriptor"):
        d = p.track_descriptor
        assert d.uuid not in tracks and (not d.parent_uuid or d.parent_uuid in tracks)
        tracks[d.uuid] = d
    if not p.HasField("track_event"):
        continue
    e = p.track_event
    track = e.track_uuid
    assert track in tracks
    assert p.timestamp >= last.get(track, 0), f"track {tracks[track].name} goes back at {p.timestamp}"
    last[track] = p.timestamp
    if e.type == schema.TrackEvent.TYPE_SLICE_BEGIN:
        assert names[e.name_iid], "a slice without name"
        assert not open_slices.get(track), "slices of a unit do not overlap"
        open_slices[track] = [p.timestamp]
        assert [a.name_iid for a in e.debug_annotations] == [1, 2, 3]
        assert e.debug_annotations[2].string_value_iid in texts
        slices += 1
    elif e.type == schema.TrackEvent.TYPE_SLICE_END:
        zero += open_slices[track].pop() == p.timestamp
    else:
        assert e.type == schema.TrackEvent.TYPE_COUNTER and tracks[track].HasField("counter")
        assert e.double_counter_value >= 0
        counters += 1
assert not any(open_slices.values())
print(f"{slices} slices, {counters} counts, {len(tracks)} tracks, {len(set(names.values()))} names")
