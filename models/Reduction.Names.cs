using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

sealed partial class Reduction
{
    const int KnownDomain = 0, NewDomain = 1, HighEntropy = 2;

    /// <summary>
    /// A name asked for. Levels: the name; its domain with how long and how random it is; the domain; its top level.
    /// </summary>
    void ReduceQuestion(in ContainerEvent e, Generaliser generaliser, KeyTable<byte> knownLevels)
    {
        if (e.Name.IsEmpty)
            return;
        var literal = Literal();
        DomainName.Write(e.Name, ref literal);
        ref var candidate = ref Start(BehaviourClass.Dns, generaliser, literal);
        var name = literal.Written;
        var domain = DomainName.DomainOf(name);
        var random = DomainName.IsRandom(DomainName.Below(name));
        var shape = ((ulong)DomainName.LengthBucket(e.Name.Length) << 1) | (random ? 1ul : 0);
        candidate.Subject = KeyHash.Of(e.Name);
        candidate.Levels[0] = KeyHash.Of(Head(BehaviourClass.Dns, 0, e.Actor.Hash), Text(candidate.Text));
        candidate.Levels[1] = KeyHash.Of(Head(BehaviourClass.Dns, 1, shape), domain);
        candidate.Levels[2] = KeyHash.Of(Head(BehaviourClass.Dns, 2, 0), domain);
        candidate.Levels[3] = KeyHash.Of(Head(BehaviourClass.Dns, 3, 0), domain[(domain.LastIndexOf((byte)'.') + 1)..]);
        candidate.Mark = random ? HighEntropy : knownLevels.Contains(candidate.Levels[2]) ? KnownDomain : NewDomain;
        Count++;
    }
}
