using System.Text.Json.Nodes;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary>What people said of behaviours, for people and machines.</summary>
static class OverrideText
{
    const int NameShown = 300;

    /// <summary>"allow of exec nginx -> /bin/sh in version 1.26, until 2026-01-31 14:00:00Z".</summary>
    public static string Sentence(Override one)
    {
        var kind = one.Kind == OverrideKind.Deny ? "deny" : "allow";
        var version = one.Version.Length > 0 ? $" in version {SafeText.Of(one.Version, NameShown)}" : "";
        var reach = one.WholeNamespace ? " in the whole namespace" : "";
        return $"{kind} of {What(one)}{version}{reach}, {Until(one.ExpiresUnixNs)}";
    }

    public static string What(Override one) => one.Scope switch
    {
        OverrideScope.Class => $"everything of {Words.Of(one.Class)}",
        OverrideScope.Pattern => $"{Words.Of(one.Class)} like {Names(one)}",
        _ => $"{Words.Of(one.Class)} {Names(one)}",
    };

    public static string Until(long expiresUnixNs) => expiresUnixNs > 0 ? $"until {Moment.Show(expiresUnixNs)}" : "for ever";

    /// <summary>What was set, where it holds now, and what it would have done to what a person has seen.</summary>
    public static void ShowSet(Terminal terminal, Override one, Reach? reach)
    {
        terminal.Out.WriteLine($"{SafeText.Of(one.Id)}: {Sentence(one)}");
        if (reach is null)
        {
            return;
        }

        if (one.WholeNamespace)
        {
            terminal.Out.WriteLine($"it holds for {reach.Workloads} workloads now, and for every new one of the namespace");
        }

        var since = $"since {Moment.Show(reach.SinceUnixNs)}";
        var searched = reach.Partial ? $" of the newest {reach.Searched} anomalies that were searched" : "";
        terminal.Out.WriteLine(one.Kind == OverrideKind.Deny
            ? $"{since} it names {reach.Alerts} whole alerts and {reach.Anomalies} anomalies{searched}"
            : $"{since} it would have removed {reach.Alerts} alerts and {reach.Anomalies} anomalies{searched}");
    }

    public static JsonObject Json(Override one) => new()
    {
        ["id"] = one.Id,
        ["kind"] = Words.Of(one.Kind),
        ["scope"] = Words.Of(one.Scope),
        ["class"] = Words.Of(one.Class),
        ["key"] = Words.Key(one.Key),
        ["actor"] = one.Actor,
        ["object"] = one.Object,
        ["version"] = one.Version,
        ["whole_namespace"] = one.WholeNamespace,
        ["expires_unix_ns"] = one.ExpiresUnixNs,
        ["created_unix_ns"] = one.CreatedUnixNs,
        ["created_by"] = one.CreatedBy,
        ["reason"] = one.Reason,
    };

    public static JsonObject? Json(Reach? reach) => reach is null ? null : new()
    {
        ["alerts"] = reach.Alerts,
        ["anomalies"] = reach.Anomalies,
        ["searched"] = reach.Searched,
        ["since_unix_ns"] = reach.SinceUnixNs,
        ["partial"] = reach.Partial,
        ["workloads"] = reach.Workloads,
    };

    static string Names(Override one) => $"{SafeText.Of(one.Actor, NameShown)} -> {SafeText.Of(one.Object, NameShown)}";
}
