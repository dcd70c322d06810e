namespace RuntimeGuard.Agent;

/// <summary>A join token, <c>id.secret.sha256(CA key)</c>, as the collector printed it.</summary>
/// <param name="Pin">SHA-256 of the SubjectPublicKeyInfo of the CA that must answer before the secret is sent.</param>
readonly record struct JoinToken(string Id, string Secret, byte[] Pin)
{
    /// <summary>From the file named by --token-file, or standard input for "-".</summary>
    /// <exception cref="OptionsException">There is none, or it is not whole; says the remedy.</exception>
    public static JoinToken Read(AgentOptions options)
    {
        if (options.TokenFile is null)
            throw new OptionsException(
                $"node '{options.Node}' is not enrolled; make a join token on the collector and give it with --token-file");
        try
        {
            var text = options.TokenFile == "-" ? Console.In.ReadLine() ?? "" : File.ReadAllText(options.TokenFile);
            return TryParse(text.Trim(), out var token) ? token : throw new OptionsException(
                "the join token is not of the form id.secret.sha256; copy it whole from the collector");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OptionsException($"--token-file: {e.Message}");
        }
    }

    /// <summary>The same for a node that has an identity already and can go on without.</summary>
    public static bool TryRead(AgentOptions options, out JoinToken token)
    {
        try
        {
            token = Read(options);
            return true;
        }
        catch (OptionsException)
        {
            token = default;
            return false;
        }
    }

    static bool TryParse(string text, out JoinToken token)
    {
        var parts = text.Split('.');
        var whole = parts.Length == 3 && parts[0].Length > 0 && parts[1].Length > 0 && parts[2].Length == 64
            && parts[2].All(char.IsAsciiHexDigit);
        token = whole ? new JoinToken(parts[0], parts[1], Convert.FromHexString(parts[2])) : default;
        return whole;
    }
}
