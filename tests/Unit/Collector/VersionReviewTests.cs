using RuntimeGuard.Collector.Registry;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Collector;

/// <summary>What waits for a person: what a version brought, and what is quarantined.</summary>
public sealed class VersionReviewTests
{
    static readonly VersionEvidence Old = new() { Version = "1.25@sha256:old", Key = 10, FirstSeenUnixNs = 100, Units = { 1, 2, 3 } };
    static readonly VersionEvidence New = new() { Version = "1.26@sha256:new", Key = 20, FirstSeenUnixNs = 200, Units = { 4 } };

    static Model Model(params BehaviourEvidence[] behaviours)
    {
        var model = new Model { Policy = new Policy(), Evidence = Behaviours.Evidence(Behaviours.Nginx, behaviours) };
        model.Evidence.Versions.Add([New, Old]);
        return model;
    }

    [Fact]
    public void New_in_a_version_is_what_no_other_one_had_when_an_older_one_is_known()
    {
        var review = new VersionReview(Model(
            Behaviours.Of("a", "both", versions: [10, 20]), Behaviours.Of("a", "old", versions: [10]),
            Behaviours.Of("a", "new", versions: [20]), Behaviours.Of("a", "newer", versions: [20])), nowUnixNs: 1);

        Assert.Equal([("1.25@sha256:old", 3, 0), ("1.26@sha256:new", 1, 2)],
            review.Versions().Select(version => (version.Version, (int)version.Units, version.NewBehaviours)));
    }

    [Fact]
    public void What_a_person_decided_of_waits_no_more_until_that_expires()
    {
        var (fresh, held) = (Behaviours.Of("a", "new", versions: [20]), Behaviours.Of("a", "held", learned: false, quarantined: true, versions: [10]));
        var model = Model(fresh, held);
        model.Policy.Overrides.Add(new Override
        {
            Kind = OverrideKind.Allow, Scope = OverrideScope.Behaviour, Class = fresh.Class, Key = fresh.Key, Version = New.Version, ExpiresUnixNs = 50,
        });
        model.Policy.Overrides.Add(new Override
        {
            Kind = OverrideKind.Deny, Scope = OverrideScope.Pattern, Class = held.Class, Actor = "a", Object = "he*", ExpiresUnixNs = 50,
        });

        var during = new VersionReview(model, nowUnixNs: 49);
        var after = new VersionReview(model, nowUnixNs: 50);

        Assert.Equal((0, 0), (during.Versions().Last().NewBehaviours, during.Quarantined));
        Assert.Equal((1, 1), (after.Versions().Last().NewBehaviours, after.Quarantined));
        Assert.True(after.IsNewIn(New, fresh));
        Assert.False(after.IsNewIn(New, held));
    }

    [Fact]
    public void A_version_is_named_by_its_tag_its_digest_or_the_beginning_of_one()
    {
        var review = new VersionReview(Model(), nowUnixNs: 1);

        Assert.Equal(New, Assert.Single(review.Named("1.26")));
        Assert.Equal(Old, Assert.Single(review.Named("sha256:o")));
        Assert.Equal(2, review.Named("1.2").Count);
        Assert.Empty(review.Named("2"));
    }

    [Fact]
    public void Beyond_what_the_evidence_counts_the_hours_of_a_version_are_estimated()
    {
        var model = Model();
        var hashes = Enumerable.Range(1, 1000).Select(i => (ulong)i * (ulong.MaxValue / 1000)).Take(32);
        model.Evidence.Versions.Add(new VersionEvidence { Version = "1.27", Key = 30, FirstSeenUnixNs = 300, Units = { hashes } });

        Assert.InRange(new VersionReview(model, 1).Versions().Last().Units, 950, 1050);
    }
}
