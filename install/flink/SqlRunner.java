import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;

/**
 * Runs a file of Flink SQL in a cluster that lives in this process, or prints it for another cluster's SQL client. Owns
 * the parameters of such a file and promises that a value stays inside the text literal it is put into, whatever it holds.
 */
public final class SqlRunner {
  private static final String USAGE =
      """
      usage: java -cp 'JARS/*' SqlRunner.java [--print] FILE.sql [NAME=VALUE ...]

      Runs the statements of FILE.sql, one after the other, and ends when they have ended; Ctrl-C ends it before.
      In text literals, '${NAME}' stands for the value given, '${NAME:-DEFAULT}' has one by default.

        --print   print the statements with their values instead, for sql-client.sh -f
        --help    this text
      """;
  private static final Pattern PLACE = Pattern.compile("\\$\\{(?:([a-z][a-z0-9_]*)(?::-([^}]*))?\\})?");
  private static final Pattern SETTING = Pattern.compile("SET\\s+'([^']+)'\\s*=\\s*'((?:[^']|'')*)'");
  private static final Pattern SET_OF_STATEMENTS = Pattern.compile("EXECUTE\\s+STATEMENT\\s+SET\\b.*", Pattern.DOTALL);

  private static final String LEVEL = "org.slf4j.simpleLogger.defaultLogLevel";
  /** They warn at every start of what is no fault. */
  private static final List<String> QUIETER = List.of(
      "org.apache.flink.connector.kafka.source.KafkaSourceBuilder",
      "org.apache.flink.metrics.MetricGroup",
      "org.apache.flink.runtime.security.token.DefaultDelegationTokenManager",
      "org.apache.flink.runtime.webmonitor.WebMonitorUtils");

  private SqlRunner() {}

  public static void main(String[] args) throws Exception {
    List<String> rest = new ArrayList<>(List.of(args));
    if (rest.contains("--help")) {
      System.out.print(USAGE);
      return;
    }
    boolean print = rest.remove("--print");
    List<String> statements;
    try {
      statements = statementsOf(rest);
    } catch (IOException | IllegalArgumentException error) {
      String what = error instanceof IOException ? "cannot read " + error.getMessage() : error.getMessage();
      System.err.println(what + "\n\n" + USAGE);
      System.exit(2);
      return;
    }
    if (print) {
      System.out.println(String.join(";\n\n", statements) + ";");
      return;
    }
    QUIETER.forEach(logger -> System.setProperty("org.slf4j.simpleLogger.log." + logger, "error"));
    if (System.getProperty(LEVEL) == null) System.setProperty(LEVEL, "warn");
    try {
      run(statements);
    } catch (Exception error) {
      System.err.println(reasonsOf(error));
      System.exit(1);
    }
  }

  private static List<String> statementsOf(List<String> args) throws IOException {
    if (args.isEmpty() || args.get(0).startsWith("-")) throw new IllegalArgumentException("which file?");
    Map<String, String> values = new LinkedHashMap<>();
    for (String arg : args.subList(1, args.size())) {
      int at = arg.indexOf('=');
      if (at <= 0) throw new IllegalArgumentException("\"" + arg + "\" is not NAME=VALUE");
      values.put(arg.substring(0, at), arg.substring(at + 1));
    }
    Set<String> used = new HashSet<>();
    List<String> statements = glue(split(Files.readString(Path.of(args.get(0))), values, used));
    for (String name : values.keySet())
      if (!used.contains(name)) throw new IllegalArgumentException(args.get(0) + " has no parameter " + name);
    return statements;
  }

  private static void run(List<String> statements) throws Exception {
    Configuration settings = new Configuration();
    TableEnvironment tables = null;
    for (String statement : statements) {
      Matcher setting = SETTING.matcher(statement);
      if (setting.matches()) {
        if (tables != null) throw new IllegalArgumentException("SET comes before all other statements: " + statement);
        settings.setString(setting.group(1), setting.group(2).replace("''", "'"));
        continue;
      }
      if (tables == null)
        tables = TableEnvironment.create(EnvironmentSettings.newInstance().withConfiguration(settings).build());
      TableResult result = tables.executeSql(statement);
      if (result.getJobClient().isPresent()) result.await();
    }
  }

  /** The statements, comments left out, values put in. */
  private static List<String> split(String sql, Map<String, String> values, Set<String> used) {
    List<String> statements = new ArrayList<>();
    StringBuilder statement = new StringBuilder();
    for (int at = 0; at < sql.length(); ) {
      char next = sql.charAt(at);
      int end = at + 1;
      if (sql.startsWith("--", at)) {
        while (at < sql.length() && sql.charAt(at) != '\n') at++;
        continue;
      }
      if (next == '\'' || next == '`') end = endOf(sql, next, end) + 1;
      String piece = sql.substring(at, end);
      if (next == ';') {
        statements.add(statement.toString().strip());
        statement.setLength(0);
      } else {
        statement.append(next == '\'' ? fill(piece, values, used) : piece);
      }
      at = end;
    }
    if (!statement.toString().isBlank()) throw new IllegalArgumentException("the last statement has no ; at its end");
    return statements;
  }

  /** What went wrong, and why, and why that: without stack traces. */
  private static String reasonsOf(Throwable error) {
    Set<String> reasons = new LinkedHashSet<>();
    for (Throwable cause = error; cause != null; cause = cause.getCause())
      reasons.add(String.valueOf(cause.getMessage()));
    return String.join("\n  because: ", reasons);
  }

  private static int endOf(String sql, char mark, int from) {
    int end = sql.indexOf(mark, from);
    if (end < 0)
      throw new IllegalArgumentException("no " + mark + " ends: " + sql.substring(from).lines().findFirst().orElse(""));
    return end;
  }

  /** A literal with its values, quotes doubled as SQL wants them. */
  private static String fill(String literal, Map<String, String> values, Set<String> used) {
    return PLACE.matcher(literal).replaceAll(place -> {
      String name = place.group(1);
      if (name == null) throw new IllegalArgumentException("no parameter is named in " + literal);
      String value = values.getOrDefault(name, place.group(2));
      if (value == null) throw new IllegalArgumentException("the parameter " + name + " is missing");
      if (value.chars().anyMatch(Character::isISOControl))
        throw new IllegalArgumentException("the parameter " + name + " holds a control character");
      used.add(name);
      return Matcher.quoteReplacement(value.replace("'", "''"));
    });
  }

  /** What stands between EXECUTE STATEMENT SET BEGIN and END is one statement. */
  private static List<String> glue(List<String> pieces) {
    List<String> statements = new ArrayList<>();
    boolean open = false;
    for (String piece : pieces) {
      if (open) statements.set(statements.size() - 1, statements.get(statements.size() - 1) + ";\n\n" + piece);
      else statements.add(piece);
      open = open ? !piece.equals("END") : SET_OF_STATEMENTS.matcher(piece).matches();
    }
    return statements;
  }
}
