// The 95th percentile across all hosts, of each minute of the last hour. A host counts once, with its mean of the minute,
// however many series (devices, interfaces) or samples it has.
// Replace: $bucket, $metric_name. Latency is diskio.io_await (ms of a disk request); others: mem.used_percent,
// system.load1. For a cpu.* metric add: and r.cpu == "cpu-total".
// For another end than now put in front: option now = () => 2026-11-23T12:00:00Z
// The percentile is the value of one of the hosts: of n, that at rank n * 0.95, rounded up (InfluxQL's: to the nearest).
from(bucket: "$bucket")
    |> range(start: -1h)
    |> filter(fn: (r) => r._measurement == "server_metrics" and r.metric_name == "$metric_name" and r._field == "value")
    |> toFloat()
    |> group(columns: ["host"])
    |> aggregateWindow(every: 1m, fn: mean, createEmpty: false, timeSrc: "_start")
    |> group(columns: ["_time"])
    |> quantile(q: 0.95, method: "exact_selector")
    |> group()
    |> sort(columns: ["_time"])
    |> map(fn: (r) => ({_time: r._time, p95: r._value}))
