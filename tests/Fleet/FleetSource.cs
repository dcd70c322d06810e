using RuntimeGuard.Models.Replay;

namespace RuntimeGuard.Tests.Fleet;

/// <summary>The events of a fleet in the order of their times, made hour by hour as they are read.</summary>
sealed class FleetSource : IEventSource
{
    const long Window = 60 * FleetPlan.Second; // what an attack step leads to may be judged a little later

    readonly FleetPlan _plan;
    readonly List<FleetWorkloadState> _workloads;
    readonly List<FleetEvent> _attacks = [];
    readonly List<FleetEvent> _hour = [];
    readonly List<Label> _labels = [];
    long _hourNs = FleetPlan.Start;
    int _next, _nextAttack;

    public FleetSource(FleetPlan plan)
    {
        _plan = plan;
        _workloads = [.. plan.Workloads.Select((_, number) => new FleetWorkloadState(plan, number))];
        for (var number = 0; number < plan.Attacks.Count; number++)
            Attack(plan.Attacks[number], number);
        _attacks.Sort((a, b) => (a.TimeNs, a.Order).CompareTo((b.TimeNs, b.Order)));
    }

    /// <summary>Where the attacks are.</summary>
    public Labels Labels => new(_labels);

    public bool Read(EventRecord record)
    {
        while (_next == _hour.Count)
        {
            if (_hourNs >= _plan.EndNs)
                return false;
            Fill();
        }
        _hour[_next++].Fill(record);
        return true;
    }

    void Fill()
    {
        _hour.Clear();
        _next = 0;
        var end = _hourNs + FleetPlan.Hour;
        foreach (var workload in _workloads)
            foreach (var container in workload.Containers)
                if (container.FromNs < end && container.EndNs > _hourNs)
                    workload.Hour(container, _hourNs, _hour);
        for (; _nextAttack < _attacks.Count && _attacks[_nextAttack].TimeNs < end; _nextAttack++)
            _hour.Add(_attacks[_nextAttack] with { Order = _hour.Count });
        _hour.Sort((a, b) => (a.TimeNs, a.Order).CompareTo((b.TimeNs, b.Order)));
        _hourNs = end;
    }

    void Attack(FleetAttack attack, int number)
    {
        var workload = _workloads[attack.Workload];
        var replicas = workload.Containers.Where(c => c.FromNs <= attack.AtNs && c.EndNs > attack.AtNs).ToList();
        for (var i = 0; i < attack.Spread && i < replicas.Count; i++)
        {
            var container = replicas[(attack.Replica + i) % replicas.Count];
            var at = attack.AtNs + (i * 3 * Window);
            foreach (var (stepNs, step) in container.Suffer(FleetAttacks.Kinds[attack.Kind](workload.Target(container)), at, _attacks))
                _labels.Add(new Label(container.Recorded.Id, stepNs, stepNs + Window, step.Technique, attack.Kind, $"{attack.Kind} {number}"));
        }
    }
}
