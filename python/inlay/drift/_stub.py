from typing import NamedTuple
import numpy as np
class Distance(NamedTuple):
    value: float; low: float; high: float; p_value: object=None; reason: object=None
class R: pass
def distances(a,b):
    from scipy import stats
    r=R()
    if hasattr(a,'quantiles'):
        for n in ("ks","cramer_von_mises","anderson_darling","wasserstein","energy"): setattr(r,n,Distance(0.1,0.05,0.2,0.5))
        return r
    if hasattr(a,'edges'):
        for n in ("ks","cramer_von_mises","anderson_darling","wasserstein","energy"): setattr(r,n,Distance(0.1,0.05,0.2,0.5))
        return r
    for n in ("psi","jensen_shannon","kl","hellinger","total_variation","l_infinity"): setattr(r,n,Distance(0.1,0.1,0.1,0.5))
    t=np.array([a,b],float); t=t[:,t.sum(0)>0]
    x=stats.chi2_contingency(t,correction=False) if t.shape[1]>1 else None
    r.chi2=Distance(x.statistic,x.statistic,x.statistic,float(x.pvalue)) if x else Distance(0,0,0,1.0)
    return r
