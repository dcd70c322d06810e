namespace RuntimeGuard.Models.Replay;

/// <summary>How a recording is replayed. The same options and recording give the same report, bit for bit.</summary>
public sealed record ReplayOptions
{
    const double DefaultShare = 0.5;

    /// <summary>Events before this time (Unix nanoseconds) train; alarms count from it on. Null: no such split.</summary>
    public long? TrainUntilNs { get; init; }

    /// <summary>The same as a share of the recording's span; by containers, the share of them that trains.</summary>
    public double? TrainFraction { get; init; }

    /// <summary>
    /// Some containers train and the others are judged, chosen by the seed. With <see cref="TrainUntilNs"/> both: trained on
    /// some before the time, judged on the others after it.
    /// </summary>
    public bool SplitByContainer { get; init; }

    /// <summary>Every node learns alone; what they learned is merged when training ends, in an order of the seed.</summary>
    public bool NodesApart { get; init; }

    public ulong Seed { get; init; } = 1;

    public IReadOnlyList<string> Ablations { get; init; } = [];

    /// <summary>Alerts by itself; null is the default of marks.json.</summary>
    public double? Alpha { get; init; }

    /// <summary>What the baselines are made with.</summary>
    /// <exception cref="ReplayException">An ablation or an alpha that there is not.</exception>
    public ModelOptions ModelOptions()
    {
        var options = Models.ModelOptions.Default;
        foreach (var name in Ablations)
            options = (Ablation.Find(name, out var problem) ?? throw new ReplayException("", problem, "leave it out, or name another"))
                .Apply(options);
        if (Alpha is not { } alpha)
            return options;
        return alpha > 0 && double.IsFinite(alpha) ? options with { Alpha = alpha }
            : throw new ReplayException("", $"alpha is {alpha}", "it is a number of alarms per container-day above 0, e.g. 0.01");
    }

    /// <exception cref="ReplayException">Options that contradict each other or the recording.</exception>
    internal void Check(ReplaySurvey survey)
    {
        if (TrainUntilNs is not null && TrainFraction is not null && !SplitByContainer)
            throw new ReplayException("", "training ends at a time and at a fraction", "give one of them");
        if (TrainFraction is { } share && !(share > 0 && share < 1))
            throw new ReplayException("", $"a fraction of {share} trains nothing or everything", "give a number between 0 and 1");
        if (TrainUntilNs is { } until && (until <= survey.FirstNs || until > survey.LastNs))
            throw new ReplayException("", "training would end outside the recording, which goes from "
                + $"{Moment(survey.FirstNs)} to {Moment(survey.LastNs)}", "give a time within it");
        if (ModelOptions().SetMembership && !HasTraining)
            throw new ReplayException("", "set membership judges by what was learned before, and nothing trains here",
                "say what trains: a time, a fraction or a split by container");
    }

    internal bool HasTraining => TrainUntilNs is not null || TrainFraction is not null || SplitByContainer;

    /// <summary>From this time on events are judged.</summary>
    internal long TestFromNs(ReplaySurvey survey) => TrainUntilNs
        ?? (TrainFraction is { } share && !SplitByContainer
            ? survey.FirstNs + (long)(share * (survey.LastNs - survey.FirstNs))
            : survey.FirstNs);

    /// <summary>Until this time they train; both ranges are the whole recording when only containers are split.</summary>
    internal long TrainUntil(ReplaySurvey survey) => !HasTraining ? survey.FirstNs
        : TrainUntilNs is null && SplitByContainer ? long.MaxValue : TestFromNs(survey);

    /// <summary>Does the container train, when containers are split? By its id and the seed alone.</summary>
    internal bool Trains(RecordedContainer container) =>
        KeyHash.Mix(Seed, KeyHash.Of(container.Id)) / (double)ulong.MaxValue < (TrainFraction ?? DefaultShare);

    static string Moment(long ns) => DateTimeOffset.UnixEpoch.AddTicks(ns / 100).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'",
        System.Globalization.CultureInfo.InvariantCulture);
}
