namespace RuntimeGuard.Models;

/// <summary>Whose behaviour it is: namespace and image repository. Tag and digest are versions, never part of the key.</summary>
public readonly record struct WorkloadKey(string Namespace, string Image)
{
    public override string ToString() => $"{Namespace}/{Image}";
}
