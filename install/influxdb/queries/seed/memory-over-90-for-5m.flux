// Hosts whose memory was fuller than 90 % for the last 5 minutes, without a pause, and how full it was at least.
// Replace: $bucket. For another end than now put in front: option now = () => 2026-11-23T12:00:00Z
// The lowest value of each minute; the lowest of these, and how many minutes there are; only hosts where that is above 90
// and that were there all the time. One sample of 90 or less is in the lowest value. A host that was silent, or has just
// begun, has fewer minutes. Five minutes up to now touch six minutes of the clock unless now is a whole minute, so a host
// may lack one of six.
from(bucket: "$bucket")
    |> range(start: -5m)
    |> filter(fn: (r) => r._measurement == "server_metrics" and r.metric_name == "mem.used_percent" and r._field == "value")
    |> group(columns: ["host"])
    |> aggregateWindow(every: 1m, fn: min, createEmpty: false, timeSrc: "_start")
    |> reduce(
        identity: {lowest: 100.0, minutes: 0},
        fn: (r, accumulator) => ({
            lowest: if r._value < accumulator.lowest then r._value else accumulator.lowest,
            minutes: accumulator.minutes + 1,
        }),
    )
    |> filter(fn: (r) => r.lowest > 90.0 and r.minutes >= 5)
