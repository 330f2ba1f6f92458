import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;

/**
 * Answers questions about a Kafka cluster with Kafka's own clients: a request is a line of JSON on standard input, with
 * an id; its answers are lines of JSON with that id, the last one with "done" or "error". Requests run beside each other.
 * Ends when its input does, so that it never outlives who asks.
 */
public final class KafkaJudge {
    static final ObjectMapper JSON = new ObjectMapper();
    private static final PrintStream OUT = new PrintStream(System.out, false, StandardCharsets.UTF_8);

    private KafkaJudge() {}

    public static void main(String[] args) throws Exception {
        ExecutorService threads = Executors.newCachedThreadPool();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode request = JSON.readTree(line);
            threads.execute(() -> answer(request));
        }
        Runtime.getRuntime().halt(0);
    }

    private static void answer(JsonNode request) {
        int id = request.get("id").asInt();
        Answer rows = (list) -> say(Map.of("id", id, "rows", list));
        try {
            switch (request.get("op").asText()) {
                case "read" -> TopicReader.read(request, rows);
                case "partitions" -> partitions(request, rows);
                default -> ClusterAdmin.run(request, rows);
            }
            say(Map.of("id", id, "done", true));
        } catch (Throwable error) {
            Throwable cause = error.getCause() == null ? error : error.getCause();
            say(Map.of("id", id, "error", String.valueOf(cause)));
        }
    }

    /** The partition that Kafka's producer picks for each key. */
    private static void partitions(JsonNode request, Answer answer) throws Exception {
        int count = request.get("partitions").asInt();
        List<Integer> picked = new java.util.ArrayList<>();
        for (JsonNode key : request.get("keys")) {
            picked.add(BuiltInPartitioner.partitionForKey(key.asText().getBytes(StandardCharsets.UTF_8), count));
        }
        answer.rows(picked);
    }

    /** A client's settings: the brokers, what every client of ours has, and what the request puts over it. */
    static Properties settings(JsonNode request) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", request.get("brokers").asText());
        properties.put("default.api.timeout.ms", "20000");
        properties.put("request.timeout.ms", "10000");
        properties.put("reconnect.backoff.max.ms", "200");
        request.path("properties").fields().forEachRemaining((entry) ->
            properties.put(entry.getKey(), entry.getValue().asText()));
        return properties;
    }

    private static void say(Map<String, Object> answer) {
        try {
            String line = JSON.writeValueAsString(answer);
            synchronized (OUT) {
                OUT.println(line);
                OUT.flush();
            }
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }

    /** Takes some rows of an answer. */
    interface Answer {
        void rows(List<?> rows) throws Exception;
    }
}
