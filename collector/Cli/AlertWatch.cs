using Grpc.Core;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary>
/// The live feed. It outlives the collector: when the stream breaks it says so, connects again and asks for what came
/// meanwhile, after the revision it saw last.
/// </summary>
sealed class AlertWatch(Session session, OutputFormat format, AlertFilter filter, bool backlog)
{
    static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(500);
    static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(15);

    readonly Terminal _terminal = session.Terminal;
    /// <summary>The last revision shown or skipped. Revisions rise store-wide with every change of any alert.</summary>
    ulong _seen;
    /// <summary>Alerts shown in full, by id, with the score they were shown with. The oldest are forgotten past the cap.</summary>
    readonly Dictionary<string, double> _shown = [];
    readonly Queue<string> _shownInOrder = new();
    const int ShownCap = 10_000;

    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        var login = session.RequireLogin();
        var pause = FirstPause;
        var started = false;
        while (true)
        {
            try
            {
                using var collector = new Collector(login, _terminal.Clock);
                if (!started)
                {
                    await BeginAsync(collector, cancellation).ConfigureAwait(false);
                    started = true;
                }

                await FollowAsync(collector, () => pause = FirstPause, cancellation).ConfigureAwait(false);
            }
            catch (Exception error) when (cancellation.IsCancellationRequested && error is RpcException or OperationCanceledException)
            {
                return (int)ExitCode.Ok;
            }
            catch (RpcException error) when (started && RpcFailure.IsTransient(error))
            {
                Say($"connection to {login.Server} lost; trying again in {pause.TotalSeconds:0.#} s");
            }
            catch (RpcException error)
            {
                throw RpcFailure.From(error, login.Server);
            }

            try
            {
                await Task.Delay(pause, _terminal.Clock, cancellation).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return (int)ExitCode.Ok;
            }

            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    /// <summary>Checks the login, and notes where "from now on" begins unless the backlog is wanted too.</summary>
    async Task BeginAsync(Collector collector, CancellationToken cancellation)
    {
        var me = await collector.Access.WhoAmIAsync(new WhoAmIRequest(), collector.Call(cancellation)).ConfigureAwait(false);
        if (Words.TimeScale(me.TimeScale) is { } warning)
        {
            Say(warning);
        }

        if (!backlog)
        {
            // The time keeps the answer small: only its revision is wanted.
            var now = new AlertFilter { SinceUnixNs = Moment.ToUnixNs(_terminal.Clock.GetUtcNow()) };
            var newest = await collector.Alerts.ListAsync(new ListAlertsRequest { Filter = now, Limit = 1 }, collector.Call(cancellation))
                .ConfigureAwait(false);
            _seen = newest.Revision;
        }
    }

    async Task FollowAsync(Collector collector, Action connected, CancellationToken cancellation)
    {
        // The backlog after what was seen: nothing falls between two connections and nothing comes twice.
        using var call = collector.Alerts.Watch(
            new WatchAlertsRequest { Filter = filter, Backlog = true, AfterRevision = _seen }, collector.Stream(cancellation));
        await call.ResponseHeadersAsync.ConfigureAwait(false);
        connected();
        Say($"watching alerts at {collector.Server}; Ctrl-C ends");
        await foreach (var alert in call.ResponseStream.ReadAllAsync(cancellation).ConfigureAwait(false))
        {
            // Lower than before only when the collector's store is another: what it sends is new all the same.
            _seen = alert.Revision;
            Show(alert);
        }

        throw new RpcException(new Status(StatusCode.Unavailable, "the collector ended the stream"));
    }

    void Show(Alert alert)
    {
        if (format != OutputFormat.Table)
        {
            JsonText.Write(_terminal, OutputFormat.JsonLines, AlertJson.Of(alert));
            _terminal.Out.Flush();
            return;
        }

        if (alert.FoldedInto.Length > 0)
        {
            // What nobody has seen as an alert of its own is told by the fleet's alone.
            if (_shown.Remove(alert.Id))
            {
                _terminal.Out.WriteLine($"{Moment.Show(alert.LastUnixNs)}  alert {SafeText.Of(alert.Id)} is folded into {SafeText.Of(alert.FoldedInto)}\n");
                _terminal.Out.Flush();
            }

            return;
        }

        var score = alert.Worst?.Explanation?.Score ?? 0;
        if (_shown.TryGetValue(alert.Id, out var before) && score >= before)
        {
            var latest = alert.Latest ?? alert.Worst ?? new Anomaly();
            var reason = alert.Reason.Length > 0 ? $"  because {SafeText.Of(alert.Reason, 2000)}" : "";
            _terminal.Out.WriteLine($"{Moment.Show(latest.TimeUnixNs)}  and {AlertText.Headline(latest)}{reason}");
            _terminal.Out.WriteLine($"  alert     {SafeText.Of(alert.Id)}  {Words.Of(alert.State)}  now {alert.Count} anomalies");
        }
        else
        {
            AlertText.Show(_terminal, alert);
        }

        Remember(alert.Id, score);
        _terminal.Out.WriteLine();
        _terminal.Out.Flush();
    }

    void Remember(string id, double score)
    {
        if (!_shown.ContainsKey(id))
        {
            _shownInOrder.Enqueue(id);
            if (_shownInOrder.Count > ShownCap)
            {
                _shown.Remove(_shownInOrder.Dequeue());
            }
        }

        _shown[id] = score;
    }

    /// <summary>About the watch itself, not part of the feed: a pipe that reads alerts is not disturbed.</summary>
    void Say(string text) => _terminal.Error.WriteLine($"rgctl: {SafeText.Of(text)}");
}
