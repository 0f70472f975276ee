"""Laws that are not in the list: what a law of your own may expect.

`bonus`: the 20 bonus equations of S.-M. Udrescu and M. Tegmark, "AI Feynman", Science Advances 6
(2020), eaay2631, with the published range of each input: from Goldstein's, Jackson's, Weinberg's
and Schwartz's textbooks. `textbook`: of chemistry, biology, engineering and finance. Both were
looked at when the search was mended. `unseen`: as these, and written down at the same time, but
only counted: nothing was set after a look at them.
"""

from __future__ import annotations

from equations import EQUATIONS, read

BONUS = """
rutherford | (Z_1*Z_2*alpha*hbar*c/(4*E_n*sin(theta/2)**2))**2 \
    | Z_1 Z_2 alpha hbar c 1 2, E_n theta 1 3
goldstein-3.55 | m*k_G/L**2*(1+sqrt(1+2*E_n*L**2/(m*k_G**2))*cos(theta1-theta2)) \
    | m k_G L E_n 1 3, theta1 theta2 0 6
goldstein-3.64 | d*(1-alpha**2)/(1+alpha*cos(theta1-theta2)) | d 1 3, alpha 2 4, theta1 theta2 4 5
goldstein-3.16 | sqrt(2/m*(E_n-U-L**2/(2*m*r**2))) | m U L r 1 3, E_n 8 12
goldstein-3.74 | 2*pi*d**(3/2)/sqrt(G*(m1+m2)) | d G m1 m2 1 3
goldstein-3.99 | sqrt(1+2*epsilon**2*E_n*L**2/(m*(Z_1*Z_2*q**2)**2)) | epsilon L m Z_1 Z_2 q E_n 1 3
friedmann | sqrt(8*pi*G*rho/3-alpha*c**2/d**2) | G rho d 1 3, alpha c 1 2
compton | E_n/(1+E_n/(m*c**2)*(1-cos(theta))) | E_n m c theta 1 3
gravitational-waves | -32/5*G**4/c**5*(m1*m2)**2*(m1+m2)/r**5 | G c r 1 2, m1 m2 1 5
aberration | arccos((cos(theta2)-v/c)/(1-v/c*cos(theta2))) | c 4 6, v theta2 1 3
n-slits | I_0*(sin(alpha/2)*sin(n*delta/2)/(alpha/2*sin(delta/2)))**2 | I_0 alpha delta 1 3, n 1 2
jackson-2.11 | q/(4*pi*epsilon*y**2)*(4*pi*epsilon*Volt*d-q*d*y**3/(y**2-d**2)**2) \
    | q Volt epsilon 1 5, y 1 3, d 4 6
jackson-3.45 | 1/(4*pi*epsilon)*q/sqrt(r**2+d**2-2*r*d*cos(alpha)) \
    | q epsilon 1 5, r 1 3, d 4 6, alpha 0 6
jackson-4.60 | Ef*cos(theta)*(-r+d**3/r**2*(alpha-1)/(alpha+2)) | Ef r d alpha 1 5, theta 0 6
jackson-11.38 | sqrt(1-v**2/c**2)*omega/(1+v/c*cos(theta)) | c 5 20, v 1 3, omega 1 5, theta 0 6
goldstein-8.56 | sqrt((p-q*A_vec)**2*c**2+m**2*c**4)+q*Volt | m c p q A_vec Volt 1 5
goldstein-12.80 | 1/(2*m)*(p**2+m**2*omega**2*x**2*(1+alpha*x/y)) | m omega p y x alpha 1 5
weinberg-15.2.1 | 3/(8*pi*G)*(c**2*k_f/r**2+H_G**2) | G k_f r H_G c 1 5
weinberg-15.2.2 | -1/(8*pi*G)*(c**4*k_f/r**2+H_G**2*c**2*(1-2*alpha)) | G k_f r H_G alpha c 1 5
schwartz-13.132 | 1/(4*pi)*alpha**2*h**2/(m**2*c**2)*(omega_0/omega)**2 \
    *(omega_0/omega+omega/omega_0-sin(beta)**2) | omega omega_0 alpha h m c 1 5, beta 0 6
"""
TEXTBOOK = """
inhibition | V*S/(K*(1+I/Ki)+S) | V S I 1 5, K Ki 1 3
van-der-waals | 8.314*T/(V-b)-a/V**2 | T a 1 5, V 3 8, b 0.5 1.5
antoine | 10**(A-B/(C+T)) | A 2 4, B C 1 3, T 1 5
modified-arrhenius | A*T**n*exp(-E/T) | A T 1 5, n 0 2, E 1 3
hill | V*x**n/(K**n+x**n) | V x K 1 5, n 1 4
monod | mu*S/(K+S)-d | mu K 1 3, S 1 5, d 0.1 0.5
swamee-jain | 1.325/ln(r/3.7+5.74/Re**0.9)**2 | r 0.001 0.05, Re 5000 100000
black-scholes-d1 | (ln(S/K)+(r+sigma**2/2)*T)/(sigma*sqrt(T)) \
    | S K 80 120, r 0.01 0.1, sigma 0.1 0.5, T 0.2 2
nernst | E-8.617e-5*T/n*ln(Q) | E 0.5 2, T 280 350, n 1 4, Q 0.1 10
goldman | 26*ln((Ko+p*No)/(Ki+p*Ni)) | Ko 2 10, No Ki 100 160, Ni 5 20, p 0.02 0.1
redshift | sqrt((1+v/c)/(1-v/c))-1 | v 1 3, c 4 10
rocket | u*ln(m/(m-b*t))-9.81*t | u 2 5, m 5 10, b 0.5 1, t 1 4
etalon | 1/(1+F*sin(delta/2)**2) | F 1 10, delta 0 6
logistic-growth | K/(1+(K/N-1)*exp(-r*t)) | K 5 10, N 1 3, r 0.5 1.5, t 0 4
bet | v*c*x/((1-x)*(1+(c-1)*x)) | v 1 5, c 2 20, x 0.05 0.5
langmuir | q*a*p1/(1+a*p1+b*p2) | q a b p1 p2 1 5
lens | 1/((n-1)*(1/R1-1/R2+(n-1)*d/(n*R1*R2))) | n 1.3 1.8, R1 1 2, R2 3 5, d 0.1 0.5
lennard-jones | 4*e*((s/r)**12-(s/r)**6) | e 1 5, s 1 2, r 2 4
morse | D*(1-exp(-a*(r-r0)))**2 | D 1 5, a 0.5 2, r 1 4, r0 1 2
venturi | A1*sqrt(2*p/(rho*((A1/A2)**2-1))) | A1 3 5, A2 1 2, p 1 5, rho 1 3
annuity | P*r/(1-(1+r)**(-n)) | P 1 5, r 0.01 0.1, n 5 30
vis-viva | sqrt(mu*(2/r-1/a)) | mu 1 5, r 1 3, a 2 5
haldane | mu*S/(K+S+S**2/Ki) | mu K 1 3, S 1 5, Ki 1 5
driven-oscillator | F/sqrt((k-m*w**2)**2+(b*w)**2) | F 1 5, k 5 10, m 1 2, w 0.5 1.5, b 0.5 2
magnus | 6.112*h*exp(17.62*T/(243.12+T)) | h 0.2 1, T 0 40
"""
UNSEEN = """
henderson | pK+ln(A/H)/ln(10) | pK 3 7, A H 1 5
mixed-inhibition | V*S/(K*(1+I/a)+S*(1+I/b)) | V S I 1 5, K a b 1 3
redlich-kwong | 8.314*T/(V-b)-a/(sqrt(T)*V*(V+b)) | T 1 5, a 5 10, V 3 8, b 0.5 1.5
settling | 2/9*(p-f)*9.81*R**2/mu | p 2 5, f 0.5 1.5, R mu 1 3
three-resistors | 1/(1/a+1/b+1/c) | a b c 1 5
gompertz | a*exp(-b*exp(-c*t)) | a 1 5, b 1 4, c 0.5 1.5, t 0 3
bertalanffy | L*(1-exp(-k*(t-s))) | L 1 5, k 0.2 1, t 1 5, s 0 0.8
holling | a*N**2/(1+a*h*N**2) | a h 0.2 1, N 1 5
gordon | D*(1+g)/(r-g) | D 1 5, r 0.08 0.15, g 0.01 0.05
interest | P*(1+r/n)**(n*t) | P 1 5, r 0.05 0.5, n 1 12, t 1 5
clausius-clapeyron | P*exp(-L*(1/T-1/S)) | P 1 5, L 1 4, T S 1 3
mean-temperature | (a-b)/ln(a/b) | a 5 10, b 1 4
impedance | sqrt(R**2+(w*L-1/(w*C))**2) | R w L C 1 3
throw | v*cos(q)/9.81*(v*sin(q)+sqrt((v*sin(q))**2+2*9.81*h)) | v 5 15, q 0.3 1.2, h 1 5
catenary | a*(exp(x/a)+exp(-x/a))/2 | a 1 5, x 0.5 3
isentropic | (1+(k-1)/2*M**2)**(k/(k-1)) | k 1.2 1.7, M 0.3 3
buckingham | A*exp(-b*r)-C/r**6 | A 5 10, b 0.5 2, C 1 3, r 1 3
beam | F*x**2*(3*L-x)/(6*E*I) | F E I 1 5, L 3 5, x 1 3
doppler | f*(c+u)/(c-v) | f 1 5, c 5 10, u v 1 3
kelly | p-(1-p)/b | p 0.3 0.9, b 1 5
diode | I*(exp(V/(n*T))-1) | I 1 5, V 1 3, n T 1 2
breit-wigner | G**2/4/((E-F)**2+G**2/4) | G 1 3, E 1 5, F 2 4
"""
SETS = {
    "listed": EQUATIONS, "bonus": read(BONUS), "textbook": read(TEXTBOOK), "unseen": read(UNSEEN),
}  # fmt: skip
"""The equations of each set, by name."""
KNOWN = {name: equation for some in SETS.values() for name, equation in some.items()}
