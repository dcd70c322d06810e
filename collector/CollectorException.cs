namespace RuntimeGuard.Collector;

/// <summary>A failure a person can act on: the message names what, where and the remedy, and is shown as it is.</summary>
public sealed class CollectorException : Exception
{
    public CollectorException(string message) : base(message)
    {
    }

    public CollectorException(string message, Exception cause) : base(message, cause)
    {
    }
}
