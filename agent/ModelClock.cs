using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent;

/// <summary>
/// Maps wall-clock time to the models' time, t0 + (t - t0) * S, so that container-hours, phases and days shrink together
/// in tests and demo. S is 1 otherwise.
/// </summary>
readonly record struct ModelClock(double Scale, long OriginUnixNs)
{
    public static readonly ModelClock Unscaled = new(1, 0);

    public long FromUnix(long unixNs) =>
        Scale == 1 || unixNs == 0 ? unixNs : OriginUnixNs + (long)((unixNs - OriginUnixNs) * Scale);

    /// <summary>The collector writes a policy's times on the wall clock; models compare them with event times.</summary>
    public Model FromUnix(Model model)
    {
        if (Scale == 1 || model.Policy is null)
            return model;
        var mapped = model.Clone();
        mapped.Policy.LearningSinceUnixNs = FromUnix(model.Policy.LearningSinceUnixNs);
        mapped.Policy.LearningUntilUnixNs = FromUnix(model.Policy.LearningUntilUnixNs);
        mapped.Policy.LockedUnixNs = FromUnix(model.Policy.LockedUnixNs);
        foreach (var own in mapped.Policy.Classes)
        {
            own.DriftSinceUnixNs = FromUnix(own.DriftSinceUnixNs);
            own.LockedUnixNs = FromUnix(own.LockedUnixNs);
        }
        foreach (var said in mapped.Policy.Overrides)
        {
            said.CreatedUnixNs = FromUnix(said.CreatedUnixNs);
            said.ExpiresUnixNs = FromUnix(said.ExpiresUnixNs);
        }
        return mapped;
    }
}
