// CPU of one host over the last 24 hours, in percent: the mean of every 5 minutes.
// Replace: $bucket, $host. For another end than now put in front: option now = () => 2026-11-23T12:00:00Z
// The bucket of means per minute (rollup_bucket) has the same names, and reaches further back.
from(bucket: "$bucket")
    |> range(start: -24h)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage_idle" and r.cpu == "cpu-total" and r.host == "$host")
    |> group(columns: ["host"])
    |> aggregateWindow(every: 5m, fn: mean, createEmpty: false, timeSrc: "_start")
    |> map(fn: (r) => ({_time: r._time, host: r.host, cpu_percent: 100.0 - r._value}))
