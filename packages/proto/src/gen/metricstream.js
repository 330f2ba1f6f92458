// Generated from metricstream.proto by generate.ts (pnpm proto). Do not edit.
/*eslint-disable block-scoped-var, id-length, no-control-regex, no-magic-numbers, no-mixed-operators, no-prototype-builtins, no-redeclare, no-shadow, no-var, sort-vars, default-case, jsdoc/require-param*/
import $protobuf from "protobufjs/minimal.js";

const $Reader = $protobuf.Reader, $Writer = $protobuf.Writer, $util = $protobuf.util;
const $Object = $util.global.Object, $undefined = $util.global.undefined, $Error = $util.global.Error, $RangeError = $util.global.RangeError;

const $root = $protobuf.roots["metricstream"] || ($protobuf.roots["metricstream"] = {});

export const metricstream = $root.metricstream = (() => {

    const metricstream = {};

    metricstream.Batch = (function() {

        const Batch = function (properties) {
            this.droppedTotal = [];
            this.symbols = [];
            this.resource = [];
            this.series = [];
            this.timeUnixNano = [];
            this.values = [];
            if (properties)
                for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                    if (properties[keys[i]] != null && keys[i] !== "__proto__")
                        this[keys[i]] = properties[keys[i]];
        };

        Batch.prototype.clientId = "";
        Batch.prototype.epoch = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
        Batch.prototype.seq = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
        Batch.prototype.schemaVersion = 0;
        Batch.prototype.agentVersion = "";
        Batch.prototype.configHash = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
        Batch.prototype.pointsSampledTotal = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
        Batch.prototype.droppedTotal = $util.emptyArray;
        Batch.prototype.symbols = $util.emptyArray;
        Batch.prototype.resource = $util.emptyArray;
        Batch.prototype.series = $util.emptyArray;
        Batch.prototype.timeUnixNano = $util.emptyArray;
        Batch.prototype.values = $util.emptyArray;

        Batch.encode = function (message, writer, _depth) {
            if (!writer)
                writer = $Writer.create();
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $util.recursionLimit)
                throw $Error("max depth exceeded");
            if (message.clientId != null && $Object.hasOwnProperty.call(message, "clientId") && message.clientId !== "")
                writer.uint32(10).string(message.clientId);
            if (message.epoch != null && $Object.hasOwnProperty.call(message, "epoch") && (typeof message.epoch === "object" ? message.epoch.low || message.epoch.high : message.epoch !== 0))
                writer.uint32(17).fixed64(message.epoch);
            if (message.seq != null && $Object.hasOwnProperty.call(message, "seq") && (typeof message.seq === "object" ? message.seq.low || message.seq.high : message.seq !== 0))
                writer.uint32(24).uint64(message.seq);
            if (message.schemaVersion != null && $Object.hasOwnProperty.call(message, "schemaVersion") && message.schemaVersion !== 0)
                writer.uint32(32).uint32(message.schemaVersion);
            if (message.agentVersion != null && $Object.hasOwnProperty.call(message, "agentVersion") && message.agentVersion !== "")
                writer.uint32(42).string(message.agentVersion);
            if (message.configHash != null && $Object.hasOwnProperty.call(message, "configHash") && (typeof message.configHash === "object" ? message.configHash.low || message.configHash.high : message.configHash !== 0))
                writer.uint32(49).fixed64(message.configHash);
            if (message.pointsSampledTotal != null && $Object.hasOwnProperty.call(message, "pointsSampledTotal") && (typeof message.pointsSampledTotal === "object" ? message.pointsSampledTotal.low || message.pointsSampledTotal.high : message.pointsSampledTotal !== 0))
                writer.uint32(56).uint64(message.pointsSampledTotal);
            if (message.droppedTotal != null && message.droppedTotal.length)
                for (let i = 0; i < message.droppedTotal.length; ++i)
                    $root.metricstream.Dropped.encode(message.droppedTotal[i], writer.uint32(66).fork(), _depth + 1).ldelim();
            if (message.symbols != null && message.symbols.length)
                for (let i = 0; i < message.symbols.length; ++i)
                    writer.uint32(82).string(message.symbols[i]);
            if (message.resource != null && message.resource.length)
                writer.uint32(90).uint32s(message.resource);
            if (message.series != null && message.series.length)
                writer.uint32(98).uint32s(message.series);
            if (message.timeUnixNano != null && message.timeUnixNano.length)
                writer.uint32(106).fixed64s(message.timeUnixNano);
            if (message.values != null && message.values.length)
                writer.uint32(114).doubles(message.values);
            if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                for (let i = 0; i < message.$unknowns.length; ++i)
                    writer.raw(message.$unknowns[i]);
            return writer;
        };

        Batch.decode = function (reader, length, _end, _depth, _target) {
            if (!(reader instanceof $Reader))
                reader = $Reader.create(reader);
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $Reader.recursionLimit)
                throw $Error("max depth exceeded");
            let end, message, value;
            if (length === $undefined)
                end = reader.len;
            else {
                end = reader.pos + length;
                if (end > reader.len)
                    throw $RangeError("index out of range");
                length = reader.len;
                reader.len = end;
            }
            message = _target || new $root.metricstream.Batch();
            while (reader.pos < end) {
                let start = reader.pos;
                let tag = reader.tag();
                if (tag === _end) {
                    _end = $undefined;
                    break;
                }
                let wireType = tag & 7;
                switch (tag >>>= 3) {
                case 1: {
                        if (wireType !== 2)
                            break;
                        if ((value = reader.stringVerify()).length)
                            message.clientId = value;
                        else
                            delete message.clientId;
                        continue;
                    }
                case 2: {
                        if (wireType !== 1)
                            break;
                        if (typeof (value = reader.fixed64()) === "object" ? value.low || value.high : value !== 0)
                            message.epoch = value;
                        else
                            delete message.epoch;
                        continue;
                    }
                case 3: {
                        if (wireType !== 0)
                            break;
                        if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                            message.seq = value;
                        else
                            delete message.seq;
                        continue;
                    }
                case 4: {
                        if (wireType !== 0)
                            break;
                        if (value = reader.uint32())
                            message.schemaVersion = value;
                        else
                            delete message.schemaVersion;
                        continue;
                    }
                case 5: {
                        if (wireType !== 2)
                            break;
                        if ((value = reader.stringVerify()).length)
                            message.agentVersion = value;
                        else
                            delete message.agentVersion;
                        continue;
                    }
                case 6: {
                        if (wireType !== 1)
                            break;
                        if (typeof (value = reader.fixed64()) === "object" ? value.low || value.high : value !== 0)
                            message.configHash = value;
                        else
                            delete message.configHash;
                        continue;
                    }
                case 7: {
                        if (wireType !== 0)
                            break;
                        if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                            message.pointsSampledTotal = value;
                        else
                            delete message.pointsSampledTotal;
                        continue;
                    }
                case 8: {
                        if (wireType !== 2)
                            break;
                        if (!(message.droppedTotal && message.droppedTotal.length))
                            message.droppedTotal = [];
                        message.droppedTotal.push($root.metricstream.Dropped.decode(reader, reader.size(), $undefined, _depth + 1));
                        continue;
                    }
                case 10: {
                        if (wireType !== 2)
                            break;
                        if (!(message.symbols && message.symbols.length))
                            message.symbols = [];
                        message.symbols.push(reader.stringVerify());
                        continue;
                    }
                case 11: {
                        if (wireType === 2) {
                            if (!(message.resource && message.resource.length))
                                message.resource = [];
                            reader.uint32s(message.resource);
                            continue;
                        }
                        if (wireType !== 0)
                            break;
                        if (!(message.resource && message.resource.length))
                            message.resource = [];
                        message.resource.push(reader.uint32());
                        continue;
                    }
                case 12: {
                        if (wireType === 2) {
                            if (!(message.series && message.series.length))
                                message.series = [];
                            reader.uint32s(message.series);
                            continue;
                        }
                        if (wireType !== 0)
                            break;
                        if (!(message.series && message.series.length))
                            message.series = [];
                        message.series.push(reader.uint32());
                        continue;
                    }
                case 13: {
                        if (wireType === 2) {
                            if (!(message.timeUnixNano && message.timeUnixNano.length))
                                message.timeUnixNano = [];
                            reader.fixed64s(message.timeUnixNano);
                            continue;
                        }
                        if (wireType !== 1)
                            break;
                        if (!(message.timeUnixNano && message.timeUnixNano.length))
                            message.timeUnixNano = [];
                        message.timeUnixNano.push(reader.fixed64());
                        continue;
                    }
                case 14: {
                        if (wireType === 2) {
                            if (!(message.values && message.values.length))
                                message.values = [];
                            reader.doubles(message.values);
                            continue;
                        }
                        if (wireType !== 1)
                            break;
                        if (!(message.values && message.values.length))
                            message.values = [];
                        message.values.push(reader.double());
                        continue;
                    }
                }
                reader.skipType(wireType, _depth, tag);
                if (!reader.discardUnknown) {
                    $util.makeProp(message, "$unknowns", false);
                    (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                }
            }
            if (length !== $undefined) {
                if (reader.pos !== end)
                    throw $RangeError("index out of range");
                reader.len = length;
            }
            if (_end !== $undefined)
                throw $Error("missing end group");
            return message;
        };

        return Batch;
    })();

    metricstream.Dropped = (function() {

        const Dropped = function (properties) {
            if (properties)
                for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                    if (properties[keys[i]] != null && keys[i] !== "__proto__")
                        this[keys[i]] = properties[keys[i]];
        };

        Dropped.prototype.epoch = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
        Dropped.prototype.reason = "";
        Dropped.prototype.points = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
        Dropped.prototype.firstSeq = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
        Dropped.prototype.lastSeq = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
        Dropped.prototype.firstTimeUnixNano = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
        Dropped.prototype.lastTimeUnixNano = $util.Long ? $util.Long.fromBits(0,0,true) : 0;

        Dropped.encode = function (message, writer, _depth) {
            if (!writer)
                writer = $Writer.create();
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $util.recursionLimit)
                throw $Error("max depth exceeded");
            if (message.epoch != null && $Object.hasOwnProperty.call(message, "epoch") && (typeof message.epoch === "object" ? message.epoch.low || message.epoch.high : message.epoch !== 0))
                writer.uint32(9).fixed64(message.epoch);
            if (message.reason != null && $Object.hasOwnProperty.call(message, "reason") && message.reason !== "")
                writer.uint32(18).string(message.reason);
            if (message.points != null && $Object.hasOwnProperty.call(message, "points") && (typeof message.points === "object" ? message.points.low || message.points.high : message.points !== 0))
                writer.uint32(24).uint64(message.points);
            if (message.firstSeq != null && $Object.hasOwnProperty.call(message, "firstSeq") && (typeof message.firstSeq === "object" ? message.firstSeq.low || message.firstSeq.high : message.firstSeq !== 0))
                writer.uint32(32).uint64(message.firstSeq);
            if (message.lastSeq != null && $Object.hasOwnProperty.call(message, "lastSeq") && (typeof message.lastSeq === "object" ? message.lastSeq.low || message.lastSeq.high : message.lastSeq !== 0))
                writer.uint32(40).uint64(message.lastSeq);
            if (message.firstTimeUnixNano != null && $Object.hasOwnProperty.call(message, "firstTimeUnixNano") && (typeof message.firstTimeUnixNano === "object" ? message.firstTimeUnixNano.low || message.firstTimeUnixNano.high : message.firstTimeUnixNano !== 0))
                writer.uint32(49).fixed64(message.firstTimeUnixNano);
            if (message.lastTimeUnixNano != null && $Object.hasOwnProperty.call(message, "lastTimeUnixNano") && (typeof message.lastTimeUnixNano === "object" ? message.lastTimeUnixNano.low || message.lastTimeUnixNano.high : message.lastTimeUnixNano !== 0))
                writer.uint32(57).fixed64(message.lastTimeUnixNano);
            if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                for (let i = 0; i < message.$unknowns.length; ++i)
                    writer.raw(message.$unknowns[i]);
            return writer;
        };

        Dropped.decode = function (reader, length, _end, _depth, _target) {
            if (!(reader instanceof $Reader))
                reader = $Reader.create(reader);
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $Reader.recursionLimit)
                throw $Error("max depth exceeded");
            let end, message, value;
            if (length === $undefined)
                end = reader.len;
            else {
                end = reader.pos + length;
                if (end > reader.len)
                    throw $RangeError("index out of range");
                length = reader.len;
                reader.len = end;
            }
            message = _target || new $root.metricstream.Dropped();
            while (reader.pos < end) {
                let start = reader.pos;
                let tag = reader.tag();
                if (tag === _end) {
                    _end = $undefined;
                    break;
                }
                let wireType = tag & 7;
                switch (tag >>>= 3) {
                case 1: {
                        if (wireType !== 1)
                            break;
                        if (typeof (value = reader.fixed64()) === "object" ? value.low || value.high : value !== 0)
                            message.epoch = value;
                        else
                            delete message.epoch;
                        continue;
                    }
                case 2: {
                        if (wireType !== 2)
                            break;
                        if ((value = reader.stringVerify()).length)
                            message.reason = value;
                        else
                            delete message.reason;
                        continue;
                    }
                case 3: {
                        if (wireType !== 0)
                            break;
                        if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                            message.points = value;
                        else
                            delete message.points;
                        continue;
                    }
                case 4: {
                        if (wireType !== 0)
                            break;
                        if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                            message.firstSeq = value;
                        else
                            delete message.firstSeq;
                        continue;
                    }
                case 5: {
                        if (wireType !== 0)
                            break;
                        if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                            message.lastSeq = value;
                        else
                            delete message.lastSeq;
                        continue;
                    }
                case 6: {
                        if (wireType !== 1)
                            break;
                        if (typeof (value = reader.fixed64()) === "object" ? value.low || value.high : value !== 0)
                            message.firstTimeUnixNano = value;
                        else
                            delete message.firstTimeUnixNano;
                        continue;
                    }
                case 7: {
                        if (wireType !== 1)
                            break;
                        if (typeof (value = reader.fixed64()) === "object" ? value.low || value.high : value !== 0)
                            message.lastTimeUnixNano = value;
                        else
                            delete message.lastTimeUnixNano;
                        continue;
                    }
                }
                reader.skipType(wireType, _depth, tag);
                if (!reader.discardUnknown) {
                    $util.makeProp(message, "$unknowns", false);
                    (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                }
            }
            if (length !== $undefined) {
                if (reader.pos !== end)
                    throw $RangeError("index out of range");
                reader.len = length;
            }
            if (_end !== $undefined)
                throw $Error("missing end group");
            return message;
        };

        return Dropped;
    })();

    metricstream.Ack = (function() {

        const Ack = function (properties) {
            if (properties)
                for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                    if (properties[keys[i]] != null && keys[i] !== "__proto__")
                        this[keys[i]] = properties[keys[i]];
        };

        Ack.prototype.durable = 0;
        Ack.prototype.contiguousSeq = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
        Ack.prototype.receivedUnixMs = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
        Ack.prototype.duplicate = false;
        Ack.prototype.retryClass = 0;
        Ack.prototype.message = "";
        Ack.prototype.retryAfterMs = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
        Ack.prototype.limit = "";

        Ack.encode = function (message, writer, _depth) {
            if (!writer)
                writer = $Writer.create();
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $util.recursionLimit)
                throw $Error("max depth exceeded");
            if (message.durable != null && $Object.hasOwnProperty.call(message, "durable") && message.durable !== 0)
                writer.uint32(8).int32(message.durable);
            if (message.contiguousSeq != null && $Object.hasOwnProperty.call(message, "contiguousSeq") && (typeof message.contiguousSeq === "object" ? message.contiguousSeq.low || message.contiguousSeq.high : message.contiguousSeq !== 0))
                writer.uint32(16).uint64(message.contiguousSeq);
            if (message.receivedUnixMs != null && $Object.hasOwnProperty.call(message, "receivedUnixMs") && (typeof message.receivedUnixMs === "object" ? message.receivedUnixMs.low || message.receivedUnixMs.high : message.receivedUnixMs !== 0))
                writer.uint32(24).uint64(message.receivedUnixMs);
            if (message.duplicate != null && $Object.hasOwnProperty.call(message, "duplicate") && message.duplicate !== false)
                writer.uint32(32).bool(message.duplicate);
            if (message.retryClass != null && $Object.hasOwnProperty.call(message, "retryClass") && message.retryClass !== 0)
                writer.uint32(88).int32(message.retryClass);
            if (message.message != null && $Object.hasOwnProperty.call(message, "message") && message.message !== "")
                writer.uint32(98).string(message.message);
            if (message.retryAfterMs != null && $Object.hasOwnProperty.call(message, "retryAfterMs") && (typeof message.retryAfterMs === "object" ? message.retryAfterMs.low || message.retryAfterMs.high : message.retryAfterMs !== 0))
                writer.uint32(104).uint64(message.retryAfterMs);
            if (message.limit != null && $Object.hasOwnProperty.call(message, "limit") && message.limit !== "")
                writer.uint32(114).string(message.limit);
            if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                for (let i = 0; i < message.$unknowns.length; ++i)
                    writer.raw(message.$unknowns[i]);
            return writer;
        };

        Ack.decode = function (reader, length, _end, _depth, _target) {
            if (!(reader instanceof $Reader))
                reader = $Reader.create(reader);
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $Reader.recursionLimit)
                throw $Error("max depth exceeded");
            let end, message, value;
            if (length === $undefined)
                end = reader.len;
            else {
                end = reader.pos + length;
                if (end > reader.len)
                    throw $RangeError("index out of range");
                length = reader.len;
                reader.len = end;
            }
            message = _target || new $root.metricstream.Ack();
            while (reader.pos < end) {
                let start = reader.pos;
                let tag = reader.tag();
                if (tag === _end) {
                    _end = $undefined;
                    break;
                }
                let wireType = tag & 7;
                switch (tag >>>= 3) {
                case 1: {
                        if (wireType !== 0)
                            break;
                        if (value = reader.int32())
                            message.durable = value;
                        else
                            delete message.durable;
                        continue;
                    }
                case 2: {
                        if (wireType !== 0)
                            break;
                        if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                            message.contiguousSeq = value;
                        else
                            delete message.contiguousSeq;
                        continue;
                    }
                case 3: {
                        if (wireType !== 0)
                            break;
                        if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                            message.receivedUnixMs = value;
                        else
                            delete message.receivedUnixMs;
                        continue;
                    }
                case 4: {
                        if (wireType !== 0)
                            break;
                        if (value = reader.bool())
                            message.duplicate = value;
                        else
                            delete message.duplicate;
                        continue;
                    }
                case 11: {
                        if (wireType !== 0)
                            break;
                        if (value = reader.int32())
                            message.retryClass = value;
                        else
                            delete message.retryClass;
                        continue;
                    }
                case 12: {
                        if (wireType !== 2)
                            break;
                        if ((value = reader.stringVerify()).length)
                            message.message = value;
                        else
                            delete message.message;
                        continue;
                    }
                case 13: {
                        if (wireType !== 0)
                            break;
                        if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                            message.retryAfterMs = value;
                        else
                            delete message.retryAfterMs;
                        continue;
                    }
                case 14: {
                        if (wireType !== 2)
                            break;
                        if ((value = reader.stringVerify()).length)
                            message.limit = value;
                        else
                            delete message.limit;
                        continue;
                    }
                }
                reader.skipType(wireType, _depth, tag);
                if (!reader.discardUnknown) {
                    $util.makeProp(message, "$unknowns", false);
                    (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                }
            }
            if (length !== $undefined) {
                if (reader.pos !== end)
                    throw $RangeError("index out of range");
                reader.len = length;
            }
            if (_end !== $undefined)
                throw $Error("missing end group");
            return message;
        };

        Ack.Durable = (function() {
            const valuesById = $Object.create(null), values = $Object.create(valuesById);
            values[valuesById[0] = "DURABLE_UNSPECIFIED"] = 0;
            values[valuesById[1] = "DURABLE_MEMORY"] = 1;
            values[valuesById[2] = "DURABLE_JOURNAL"] = 2;
            values[valuesById[3] = "DURABLE_FORWARDED"] = 3;
            return values;
        })();

        Ack.RetryClass = (function() {
            const valuesById = $Object.create(null), values = $Object.create(valuesById);
            values[valuesById[0] = "RETRY_CLASS_UNSPECIFIED"] = 0;
            values[valuesById[1] = "RETRY_CLASS_QUOTA"] = 1;
            values[valuesById[2] = "RETRY_CLASS_BUSY"] = 2;
            values[valuesById[3] = "RETRY_CLASS_NEVER"] = 3;
            values[valuesById[4] = "RETRY_CLASS_AUTH"] = 4;
            return values;
        })();

        return Ack;
    })();

    return metricstream;
})();

export {
  $root as default
};
