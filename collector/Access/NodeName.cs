namespace RuntimeGuard.Collector.Access;

static class NodeName
{
    public const string Rule = "a node's name has 1 to 253 letters, digits, dots, hyphens or underscores, starting with a letter or digit";

    public static bool IsValid(string name) =>
        name.Length is > 0 and <= 253 && char.IsAsciiLetterOrDigit(name[0]) &&
        name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');
}
